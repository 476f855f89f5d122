"""Members and one-time links behind row-level security, invitations, sessions a person can see."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("team", "0002_cache")]
    operations: ClassVar[list[object]] = []
