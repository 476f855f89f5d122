"""The queue of open events by source, live and fetched ones apart: neither is read past to find the other."""

from django.db import migrations

_UP = """
DROP INDEX store_openevent_queue;
CREATE INDEX store_openevent_queue ON store_openevent (target_id, backfill, source_id, event_id);
"""
_DOWN = """
DROP INDEX store_openevent_queue;
CREATE INDEX store_openevent_queue ON store_openevent (target_id, source_id, event_id);
"""


class Migration(migrations.Migration):
    dependencies = [("store", "0013_signature")]
    operations = [migrations.RunSQL(_UP, _DOWN)]
