"""A workspace on the sandboxes, set up by the services that the pages use: `python -m tests.crash.company NAME defaults|all`.

Runs in a process of its own, since Django's settings are read once a process. Prints one JSON line: workspace, target, and the
addresses that the two phone connections deliver to.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

SECRET = "the-secret-that-sipsim-shows"
LINES = (("70100411", "Anna"), ("70100412", "Bruno"), ("70100413", "Emma"))
FLOW = "calls"


def main(name: str, rules: str) -> None:
    import django

    django.setup()
    from tieline.demo.companies import accept
    from tieline.store.connection import workspace_tx
    from tieline.store.services import connections, consent, flow_settings
    from tieline.store.team import people
    from tieline.store.team.models import Role

    space = people.create_workspace(name, zone="Europe/Copenhagen", country="DK", language="en")
    user = people.create_user(f"{name.lower()}@crash.example", "Emma Berg", "correct horse battery", language="en")
    people.add_member(space, user, Role.SUPER_ADMIN)
    finished = consent.finish(
        user, accept(consent.start(space.pk, user, "zoho_crm", environment="sandbox", title="Zoho CRM"))
    )
    crm = finished.connection
    assert crm is not None, "the sandbox's consent page refused"
    with workspace_tx(space.pk):
        users = {one.name.split()[0]: one.id for one in connections.users_of(crm)}
    raw: dict[str, Any] = dict(flow_settings.current(space.pk, FLOW).raw)
    raw["lines"] = [
        {"number": number, "label": first, "manager": {"id": users[first], "label": first}, "ignore": False}
        for number, first in LINES
    ]
    if rules == "all":
        raw["account"] = {**raw["account"], "create": True}
        raw["contact"] = {**raw["contact"], "create": True}
        raw["deal"] = {**raw["deal"], "when": "no_active"}
    if flow_settings.save(space.pk, user, FLOW, raw).waits:
        consent.finish(user, accept(consent.start(space.pk, user, "zoho_crm", connection=crm.pk)))
    urls = {}
    for contract, secret in (("new", {"signing_secret": SECRET}), ("old", {})):
        phone = connections.connect(
            space.pk, user, "sipsim", secret, title=f"Phones, {contract}", environment="sandbox"
        )
        with workspace_tx(space.pk):
            urls[contract] = connections.intake_url(phone)
        flow_settings.add_source(space.pk, user, FLOW, phone.pk)
    flow_settings.set_live(space.pk, user, FLOW, True)
    print(json.dumps({"workspace": space.pk, "target": crm.pk, "urls": urls}))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tieline.project.settings")
    main(*sys.argv[1:])
