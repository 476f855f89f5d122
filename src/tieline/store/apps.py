"""The Django app `store`."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """Rows of work; the rows of people are in the app `team`."""

    name = "tieline.store"
    label = "store"
    default_auto_field = "django.db.models.BigAutoField"
