"""Back-fill from call lists, and imported lists."""

from typing import Any

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("store", "0005_due")]

    operations: list[Any] = []
