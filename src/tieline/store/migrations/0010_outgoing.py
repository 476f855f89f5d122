"""Outgoing webhooks."""

from typing import Any

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("store", "0009_undo")]

    operations: list[Any] = []
