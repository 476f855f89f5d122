"""Undo."""

from typing import Any

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("store", "0008_inbox")]

    operations: list[Any] = []
