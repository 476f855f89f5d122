"""Replays of past calls."""

from typing import Any

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("store", "0006_backfill")]

    operations: list[Any] = []
