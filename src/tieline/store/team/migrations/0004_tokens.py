"""Tokens of the API. Whose a token is must be asked before a workspace can be named: a function of the owner answers that."""

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from tieline.store.policies import protect

FUNCTION = """
CREATE FUNCTION team_token(hash text) RETURNS TABLE (token bigint, workspace bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, workspace_id FROM team_apitoken
     WHERE token_hash = hash AND revoked IS NULL AND (expires IS NULL OR expires > now())
$$;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("team", "0003_team")]
    operations: ClassVar[list[object]] = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("hint", models.CharField(max_length=16)),
                ("actions", models.JSONField(default=list)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires", models.DateTimeField(null=True)),
                ("last_used", models.DateTimeField(null=True)),
                ("revoked", models.DateTimeField(null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="team.workspace")),
            ],
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION team_token(text);"),
        *protect("team_apitoken"),
    ]
