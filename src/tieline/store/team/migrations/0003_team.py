"""Members and one-time links behind row-level security, invitations with their inviter, sessions that name their user.

Who somebody is in which workspace, and what a one-time link opens, is asked before a workspace can be named: functions of
the owner answer that, each for one user or one token. Links without a workspace (the first super admin, a new password) are
never seen by the application's role: it makes and takes them by functions too.
"""

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from tieline.store.policies import protect

FUNCTIONS = """
DROP FUNCTION store_memberships(bigint);

CREATE FUNCTION team_memberships(member bigint) RETURNS SETOF team_member
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM team_member WHERE user_id = member
$$;

CREATE FUNCTION team_link(hash text) RETURNS SETOF team_onetimelink
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM team_onetimelink WHERE token_hash = hash AND used IS NULL AND expires > now()
$$;

-- Two who use a link at once: the second waits for the first and finds it used.
CREATE FUNCTION team_take_link(hash text) RETURNS SETOF team_onetimelink
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE team_onetimelink SET used = now() WHERE token_hash = hash AND used IS NULL AND expires > now() RETURNING *
$$;

-- A link of no workspace: the first super admin's (no user) or a new password's. Earlier unused ones stop working.
CREATE FUNCTION team_make_link(hash text, what text, of_user bigint, until timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT (what = 'first' AND of_user IS NULL OR what = 'password' AND of_user IS NOT NULL) THEN
        RAISE EXCEPTION 'not a link of no workspace: %', what;
    END IF;
    DELETE FROM team_onetimelink WHERE expires < now() - interval '30 days';
    DELETE FROM team_onetimelink WHERE purpose = what AND user_id IS NOT DISTINCT FROM of_user AND used IS NULL;
    INSERT INTO team_onetimelink (token_hash, purpose, user_id, email, role, mailed, created, expires)
    VALUES (hash, what, of_user, '', CASE what WHEN 'first' THEN 'super_admin' ELSE 'member' END, false, now(), until);
END $$;
"""
GONE = """
CREATE FUNCTION store_memberships(member bigint)
RETURNS TABLE (workspace_id bigint, key text, name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id, w.key, w.name, m.role FROM team_member m JOIN team_workspace w ON w.id = m.workspace_id
     WHERE m.user_id = member ORDER BY w.name
$$;
DROP FUNCTION team_make_link(text, text, bigint, timestamptz);
DROP FUNCTION team_take_link(text);
DROP FUNCTION team_link(text);
DROP FUNCTION team_memberships(bigint);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("team", "0002_cache"), ("store", "0002_policies")]
    operations: ClassVar[list[object]] = [
        migrations.AddField("workspace", "second_factor", models.BooleanField(default=False)),
        migrations.AddField("member", "seen", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "onetimelink",
            "invited_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("onetimelink", "mailed", models.BooleanField(default=False)),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("device", models.CharField(blank=True, default="", max_length=300)),
                ("address", models.CharField(blank=True, default="", max_length=45)),
                ("begun", models.DateTimeField(default=django.utils.timezone.now)),
                ("seen", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "session", "verbose_name_plural": "sessions", "abstract": False},
        ),
        migrations.RunSQL(FUNCTIONS, GONE),
        *protect("team_member", "team_onetimelink"),
    ]
