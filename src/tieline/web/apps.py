"""The Django app of the pages. It has no tables: rows are the store's."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Templates, static files, views."""

    name = "tieline.web"
    label = "web"

    def ready(self) -> None:
        """Hear of sign-ins and changed passwords; say codes as sentences to whoever is not above the pages."""
        from tieline.store.services import sentences
        from tieline.web.accounts import sessions  # noqa: F401 - its receivers
        from tieline.web.words import spoken

        sentences.tell_by(spoken.spoken)
