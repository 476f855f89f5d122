"""Each workspace sees its own rows only; what must look across is done by functions that the owner role owns."""

from django.db import migrations

from tieline.store.policies import protect, sql_file

FUNCTIONS = (
    "store_accept(json)",
    "store_intake_sources()",
    "store_due_targets()",
    "store_workspace_of(bigint)",
    "store_consent_workspace(text)",
    "store_memberships(bigint)",
)


class Migration(migrations.Migration):
    dependencies = [("store", "0001_initial")]

    operations = [
        *protect(
            "store_audit",
            "store_budget",
            "store_connection",
            "store_consent",
            "store_crmuser",
            "store_cursor",
            "store_event",
            "store_eventsubject",
            "store_flowsetting",
            "store_flowsource",
            "store_flowversion",
            "store_grant",
            "store_happening",
            "store_inboxitem",
            "store_link",
            "store_oauthclient",
            "store_openevent",
            "store_operation",
            "store_ownkey",
            "store_refuseddelivery",
            "store_refusedevent",
            "store_run",
            "store_schemasnapshot",
            "store_secret",
            "store_subject",
        ),
        sql_file(
            "0002_functions.sql",
            "DROP FUNCTION store_tell_intake() CASCADE;" + "".join(f"DROP FUNCTION {name};" for name in FUNCTIONS),
        ),
        migrations.RunSQL(
            "ALTER TABLE store_subject SET (fillfactor = 80); ALTER TABLE store_operation SET (fillfactor = 80);"
            "ALTER TABLE store_run SET (fillfactor = 85);",
            migrations.RunSQL.noop,
        ),
    ]
