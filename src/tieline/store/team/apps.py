"""The Django app `team`."""

from django.apps import AppConfig


class TeamConfig(AppConfig):
    """Rows of people; the rows of work are in the app `store`."""

    name = "tieline.store.team"
    label = "team"
    default_auto_field = "django.db.models.BigAutoField"
