"""Pairs of connections whose customers are kept the same; questions of pairs in the inbox; deliveries that tell of changes."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tieline.store.models.fields
from tieline.store.policies import protect, sql_file

_BACK = """
DROP FUNCTION store_find_links(bigint, text[], integer);
DROP INDEX store_synclink_words;
DROP FUNCTION store_link_words(bigint, bigint, text);
DROP INDEX store_synclink_page;
DROP FUNCTION store_accept_changes(json);
DROP FUNCTION store_due_subscriptions(interval, interval);
DROP FUNCTION store_workspace_of_pair(bigint);
DROP FUNCTION store_due_pairs();
DROP FUNCTION store_count_sync() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("store", "0014_openevent"),
        ("team", "0004_tokens"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PairHold",
            fields=[
                ("pair_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("worker_id", models.UUIDField()),
                ("backend", models.IntegerField()),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="subscription",
                        serialize=False,
                        to="store.connection",
                    ),
                ),
                ("how", models.CharField(default="api", max_length=8)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("proven_at", models.DateTimeField(null=True)),
                ("checked_at", models.DateTimeField(null=True)),
                ("active", models.BooleanField(null=True)),
                ("trouble", models.JSONField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SyncCount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.IntegerField()),
                ("what", models.TextField()),
                ("role", models.TextField()),
                ("state", models.TextField()),
                ("code", models.TextField()),
                ("count", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="SyncEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name="SyncLink",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.IntegerField()),
                ("key", models.TextField()),
                ("role", models.TextField()),
                ("left_id", models.TextField()),
                ("right_id", models.TextField()),
                ("base", tieline.store.models.fields.JsonText(default=dict)),
                ("left_version", models.TextField(null=True)),
                ("right_version", models.TextField(null=True)),
                ("state", models.TextField(default="linked")),
                ("pending", models.TextField(null=True)),
                ("why", tieline.store.models.fields.JsonText(null=True)),
                ("code", models.TextField(blank=True, default="")),
                ("name", models.TextField(blank=True, default="")),
                ("agreed_at", models.DateTimeField(null=True)),
                ("parent", models.TextField(null=True)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="SyncOperation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.IntegerField()),
                ("key", models.TextField()),
                ("link", models.TextField(blank=True, default="")),
                ("role", models.TextField()),
                ("side", models.TextField()),
                ("verb", models.TextField()),
                ("record", models.TextField(blank=True, default="")),
                ("values", tieline.store.models.fields.JsonText(default=dict)),
                ("before", tieline.store.models.fields.JsonText(default=dict)),
                ("reason", tieline.store.models.fields.JsonText(default=dict)),
                ("lines", tieline.store.models.fields.JsonText(default=dict)),
                ("source", tieline.store.models.fields.JsonText(default=list)),
                ("state", models.TextField(default="planned")),
                ("error", tieline.store.models.fields.JsonText(null=True)),
                ("version", models.TextField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("attempts", models.IntegerField(default=0)),
                ("name", models.TextField(blank=True, default="")),
                ("base", tieline.store.models.fields.JsonText(default=dict)),
                ("digest", models.TextField(blank=True, default="")),
            ],
        ),
        migrations.CreateModel(
            name="SyncPair",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("paused", "Paused"),
                            ("stopped", "Stopped"),
                            ("ended", "Ended"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("on", models.BooleanField(db_column="is_on", default=True)),
                ("live", models.BooleanField(default=False)),
                ("live_since", models.DateTimeField(blank=True, null=True)),
                ("version", models.IntegerField(default=0)),
                ("trouble", models.JSONField(blank=True, null=True)),
                ("trouble_since", models.DateTimeField(blank=True, null=True)),
                ("poll_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("polled_at", models.DateTimeField(blank=True, null=True)),
                ("quiet", models.JSONField(blank=True, null=True)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="SyncPairVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("settings", models.JSONField()),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="SyncReport",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("role", models.TextField()),
                ("left_id", models.TextField(blank=True, default="")),
                ("right_id", models.TextField(blank=True, default="")),
                ("name", models.TextField(blank=True, default="")),
                ("status", models.TextField()),
                ("code", models.TextField(blank=True, default="")),
                ("reason", tieline.store.models.fields.JsonText(default=dict)),
                ("lines", tieline.store.models.fields.JsonText(default=list)),
            ],
        ),
        migrations.CreateModel(
            name="SyncRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.IntegerField()),
                ("kind", models.TextField()),
                ("state", models.TextField(default="running")),
                ("wish", models.TextField(blank=True, default="")),
                ("counts", models.JSONField(default=dict)),
                ("position", models.JSONField(default=dict)),
                ("options", models.JSONField(default=dict)),
                ("requests", models.IntegerField(default=0)),
                ("why", models.JSONField(null=True)),
                ("total", models.IntegerField(null=True)),
                ("version", models.IntegerField(default=0)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("moved_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                ("emptied", models.BooleanField(db_default=False, default=False)),
            ],
        ),
        migrations.CreateModel(
            name="SyncWaiting",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.IntegerField()),
                ("role", models.TextField()),
                ("side", models.TextField()),
                ("record", models.TextField()),
                ("rank", models.SmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                ("why", tieline.store.models.fields.JsonText(null=True)),
                ("code", models.TextField(blank=True, default="")),
                ("told", tieline.store.models.fields.JsonText(null=True)),
                ("approved", models.TextField(null=True)),
                ("attempts", models.IntegerField(default=0)),
                ("state", models.TextField(default="due")),
                ("waits_for", models.TextField(null=True)),
                ("revision", models.IntegerField(default=0)),
                ("name", models.TextField(blank=True, default="")),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="inboxitem",
            name="store_inbox_one_notice",
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="link",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="name",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="record",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="role",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="side",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="subscription",
            name="workspace",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"),
        ),
        migrations.AddField(
            model_name="synccount",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="team.workspace",
            ),
        ),
        migrations.AddField(
            model_name="syncevent",
            name="event",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.event",
            ),
        ),
        migrations.AddField(
            model_name="syncevent",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="team.workspace",
            ),
        ),
        migrations.AddField(
            model_name="synclink",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="team.workspace",
            ),
        ),
        migrations.AddField(
            model_name="syncoperation",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="team.workspace",
            ),
        ),
        migrations.AddField(
            model_name="syncpair",
            name="created_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="syncpair",
            name="left",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="store.connection"
            ),
        ),
        migrations.AddField(
            model_name="syncpair",
            name="right",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="store.connection"
            ),
        ),
        migrations.AddField(
            model_name="syncpair",
            name="workspace",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"),
        ),
        migrations.AddField(
            model_name="syncoperation",
            name="pair",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncpair",
            ),
        ),
        migrations.AddField(
            model_name="synclink",
            name="pair",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncpair",
            ),
        ),
        migrations.AddField(
            model_name="syncevent",
            name="pair",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncpair",
            ),
        ),
        migrations.AddField(
            model_name="synccount",
            name="pair",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncpair",
            ),
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="pair",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncpair",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboxitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("pair__isnull", True), ("state", "open"), ("subject__isnull", True)),
                fields=("workspace", "flow", "kind", "topic"),
                name="store_inbox_one_notice",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboxitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("pair__isnull", False), ("state", "open")),
                fields=("pair", "role", "side", "record", "kind"),
                name="store_inbox_one_of_pair",
            ),
        ),
        migrations.AddField(
            model_name="syncpairversion",
            name="pair",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="store.syncpair"
            ),
        ),
        migrations.AddField(
            model_name="syncpairversion",
            name="saved_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="syncpairversion",
            name="workspace",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"),
        ),
        migrations.AddField(
            model_name="syncreport",
            name="pair",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncpair",
            ),
        ),
        migrations.AddField(
            model_name="syncreport",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="team.workspace",
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="asked_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="pair",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncpair",
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="team.workspace",
            ),
        ),
        migrations.AddField(
            model_name="syncreport",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncrun",
            ),
        ),
        migrations.AddField(
            model_name="syncoperation",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncrun",
            ),
        ),
        migrations.AddField(
            model_name="syncwaiting",
            name="pair",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.syncpair",
            ),
        ),
        migrations.AddField(
            model_name="syncwaiting",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="team.workspace",
            ),
        ),
        migrations.AddIndex(
            model_name="syncpair",
            index=models.Index(
                condition=models.Q(("on", True), ("state", "active")), fields=["poll_at"], name="store_syncpair_poll"
            ),
        ),
        migrations.AddConstraint(
            model_name="syncpair",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "ended"), _negated=True),
                fields=("left", "right"),
                name="store_syncpair_one",
            ),
        ),
        migrations.AddIndex(
            model_name="synclink",
            index=models.Index(
                condition=models.Q(("state", "linked"), _negated=True),
                fields=["pair", "state", "code", "id"],
                name="store_synclink_odd",
            ),
        ),
        migrations.AddIndex(
            model_name="synclink",
            index=models.Index(
                condition=models.Q(("parent__isnull", False)), fields=["pair", "parent"], name="store_synclink_parent"
            ),
        ),
        migrations.AddConstraint(
            model_name="synclink",
            constraint=models.UniqueConstraint(
                condition=models.Q(("left_id", ""), _negated=True),
                fields=("pair", "role", "left_id", "epoch"),
                name="store_synclink_left",
            ),
        ),
        migrations.AddConstraint(
            model_name="synclink",
            constraint=models.UniqueConstraint(
                condition=models.Q(("right_id", ""), _negated=True),
                fields=("pair", "role", "right_id", "epoch"),
                name="store_synclink_right",
            ),
        ),
        migrations.AddConstraint(
            model_name="synclink",
            constraint=models.UniqueConstraint(fields=("pair", "key", "epoch"), name="store_synclink_key"),
        ),
        migrations.AddIndex(
            model_name="syncevent",
            index=models.Index(fields=["event"], name="store_syncevent_event"),
        ),
        migrations.AddConstraint(
            model_name="syncevent",
            constraint=models.UniqueConstraint(fields=("pair", "event"), name="store_syncevent_once"),
        ),
        migrations.AddIndex(
            model_name="synccount",
            index=models.Index(fields=["pair"], name="store_synccount_pair"),
        ),
        migrations.AddConstraint(
            model_name="syncpairversion",
            constraint=models.UniqueConstraint(fields=("pair", "number"), name="store_syncversion_number"),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(fields=["pair", "-id"], name="store_syncrun_newest"),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(
                condition=models.Q(("state__in", ["running", "paused"])), fields=["pair"], name="store_syncrun_open"
            ),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(fields=["workspace", "-started_at", "-id"], name="store_syncrun_day"),
        ),
        migrations.AddIndex(
            model_name="syncreport",
            index=models.Index(fields=["run", "status", "id"], name="store_syncreport_run"),
        ),
        migrations.AddIndex(
            model_name="syncoperation",
            index=models.Index(fields=["run", "key"], name="store_syncop_run"),
        ),
        migrations.AddIndex(
            model_name="syncoperation",
            index=models.Index(
                condition=models.Q(("link", ""), _negated=True), fields=["pair", "link", "id"], name="store_syncop_link"
            ),
        ),
        migrations.AddIndex(
            model_name="syncoperation",
            index=models.Index(
                condition=models.Q(("state__in", ["sent", "unknown"])), fields=["pair"], name="store_syncop_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="syncoperation",
            constraint=models.UniqueConstraint(fields=("pair", "key"), name="store_syncop_key"),
        ),
        migrations.AddIndex(
            model_name="syncwaiting",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["pair", "rank", "due_at", "id"],
                name="store_syncwaiting_due",
            ),
        ),
        migrations.AddIndex(
            model_name="syncwaiting",
            index=models.Index(fields=["pair", "state", "code", "id"], name="store_syncwaiting_state"),
        ),
        migrations.AddIndex(
            model_name="syncwaiting",
            index=models.Index(
                condition=models.Q(("waits_for__isnull", False)),
                fields=["pair", "waits_for"],
                name="store_syncwaiting_parent",
            ),
        ),
        migrations.AddConstraint(
            model_name="syncwaiting",
            constraint=models.UniqueConstraint(
                fields=("pair", "role", "side", "record", "epoch"), name="store_syncwaiting_once"
            ),
        ),
        *protect(
            "store_syncpair",
            "store_syncpairversion",
            "store_synclink",
            "store_syncwaiting",
            "store_syncrun",
            "store_syncoperation",
            "store_syncreport",
            "store_synccount",
            "store_syncevent",
            "store_subscription",
        ),
        sql_file("0015_sync.sql", _BACK),
    ]
