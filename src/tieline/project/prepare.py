"""What has to be done before the first page is served, and again after an upgrade. Safe to repeat."""

from __future__ import annotations

import os


def prepare() -> None:
    """Make or upgrade the tables as the owner role, and put static files under hashed names in the data folder."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tieline.project.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", database="owner", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
