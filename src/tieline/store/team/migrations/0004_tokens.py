"""Tokens of the API."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("team", "0003_team")]
    operations: ClassVar[list[object]] = []
