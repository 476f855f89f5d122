"""The Django app of the pages. It has no tables: rows are the store's."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Templates, static files, views."""

    name = "tieline.web"
    label = "web"
