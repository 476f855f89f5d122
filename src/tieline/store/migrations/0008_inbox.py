"""Remembered decisions and notifications."""

from typing import Any

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("store", "0007_replay")]

    operations: list[Any] = []
