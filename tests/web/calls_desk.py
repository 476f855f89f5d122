"""A company whose calls flow runs between SipSim and a CRM like Zoho's, with people, lines and calls that have come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.web.conftest import Company

PEOPLE = (
    ("u1", "Anna Krogh", True),
    ("u2", "Mikkel Holm", True),
    ("u3", "Camille Roux", True),
    ("u9", "Felix Lund", False),
)
LINES = (("+45 70 10 04 11", "Anna", "u1"), ("+45 70 10 04 12", "Workshop", "u2"))
STAGES = (("Qualification", "Qualification", "open"), ("Won", "Won", "won"))


@dataclass
class Calls:
    """The company and its rows."""

    company: Company
    workspace: int
    source: Any
    target: Any

    def raw(self) -> dict[str, Any]:
        """The settings in force."""
        from tieline.store.services import flow_settings

        return dict(flow_settings.current(self.workspace, "calls").raw)

    def version(self) -> int:
        from tieline.store.services import flow_settings

        return flow_settings.current(self.workspace, "calls").version

    def save(self, user: Any, **places: Any) -> None:
        """Somebody else saves: dotted places with __ for dots."""
        from tieline.store.services import flow_settings
        from tieline.web.calls import draft

        raw = self.raw()
        for place, value in places.items():
            draft.put(raw, place.replace("__", "."), value)
        flow_settings.save(self.workspace, user, "calls", raw)


def schema(manifest: Any, role: str) -> Any:
    """An object as described, with the fields that the manifest names."""
    from tieline.sdk.contract import FieldSchema, Layout, ObjectSchema

    fields = {}
    for name, vendors in manifest.roles[role].fields.items():
        kind = "user" if name == "owner" else "text"
        choices = (
            (("Not Contacted", "Not contacted"), ("Attempted", "Attempted to contact"))
            if name == "status" and role == "lead"
            else ()
        )
        fields[vendors[0]] = FieldSchema(vendors[0], name.title(), "choice" if choices else kind, choices=choices)
    fields["Industry"] = FieldSchema(
        "Industry", "Industry", "choice", choices=(("crafts", "Crafts"), ("trade", "Trade"))
    )
    fields["Employees"] = FieldSchema("Employees", "Number of employees", "number")
    standard = (("p1", "Sales pipeline", STAGES), ("p2", "Service", (("Asked", "Asked", "open"),)))
    pipelines = {"l1": standard, "l2": (("p3", "Wholesale", (("Talks", "Talks", "open"), ("Lost", "Lost", "lost"))),)}
    layouts = ()
    if role == "deal":
        layouts = (Layout("l1", "Standard", (), pipelines["l1"]), Layout("l2", "Wholesale", (), pipelines["l2"]))
    elif role == "account":
        layouts = (
            Layout("a1", "Standard"),
            Layout("a2", "Dealer", ("Industry",)),
            Layout("a3", "Group", ("Employees",)),
        )
    return ObjectSchema(manifest.roles[role].object, role.title(), tuple(fields.values()), layouts)


def make_calls(
    company: Company, *, connector: str = "zoho_crm", live: bool = True, without: tuple[str, ...] = ()
) -> Calls:
    """The flow set up as a connection's consent does it. `without`: scopes that were not granted."""
    from tieline.sdk.contract import VendorUser
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection
    from tieline.store.services import flow_settings, schemas
    from tieline.store.services.asking import manifest_of

    workspace, owner = company.workspace.pk, company.users["super_admin"]
    manifest = manifest_of(connector)
    scopes = sorted({scope for needed in manifest.needs.values() for scope in needed} - set(without))
    with workspace_tx(workspace):
        place = {"workspace": company.workspace}
        source = Connection.objects.create(
            **place, connector="sipsim", title="SipSim", lines=[list(line[:2]) for line in LINES]
        )
        target = Connection.objects.create(**place, connector=connector, title=manifest.title, scopes=scopes)
        roles = manifest.roles if connector == "zoho_crm" else [role for role in manifest.roles if role != "task"]
        schemas.keep(
            target,
            [schema(manifest, role) for role in roles],
            [VendorUser(id, name, "", active) for id, name, active in PEOPLE],
        )
    flow_settings.add_source(workspace, owner, "calls", source.pk)
    flow_settings.set_target(workspace, owner, "calls", target.pk, crm_user="u1")
    raw = dict(flow_settings.current(workspace, "calls").raw)
    raw["lines"] = [
        {"number": number, "label": label, "manager": {"id": user, "label": {p[0]: p[1] for p in PEOPLE}[user]}, "ignore": False, "country": None}
        for number, label, user in LINES
    ]  # fmt: skip
    raw["lines"].append({"number": "+4570100419", "label": "Private", "manager": None, "ignore": True, "country": None})
    flow_settings.save(workspace, owner, "calls", raw)
    if live:
        flow_settings.set_live(workspace, owner, "calls", True)
    return Calls(company, workspace, source, target)


def add_call(
    calls: Calls, number: str, *, line: str = LINES[0][0], missed: bool = True, crm: dict[str, list[dict[str, Any]]] | None = None,
    minutes: int = 1,
) -> int:  # fmt: skip
    """A call that came and was decided under the settings in force, with its answers, as the engine stores it."""
    from tieline.core.plan import Known
    from tieline.core.record import Local, User
    from tieline.flows.calls import FLOW
    from tieline.flows.calls.explain import look_up, records_of
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Operation, Run, Subject
    from tieline.store.services import schemas

    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    subject = {
        "key": f"c{minutes}{number[-4:]}", "state": "ended", "final": True, "direction": "inbound", "external": number, "line": line,
        "numbers": [line], "outcome": "missed" if missed else "answered", "result": "missed" if missed else "answered",
        "talk_s": 0 if missed else 180, "started_at": at, "ended_at": at,
    }  # fmt: skip
    settings = FLOW.load(calls.raw())
    users = {id: User(id, name, "", active) for id, name, active in PEOPLE}
    known = look_up(subject, records_of(crm or {}), settings, Known(users=users))
    with workspace_tx(calls.workspace):
        plan = FLOW.decide(subject, known, settings, schemas.target_of(calls.target))
        place = {"workspace_id": calls.workspace, "target_id": calls.target.pk, "epoch": 1}
        row = Subject.objects.create(
            **place, flow="calls", source_id=calls.source.pk, key=subject["key"], subject=subject, state="done",
            lanes=list(FLOW.lanes(subject, settings)), arrived_at=now,
        )  # fmt: skip
        answers = [
            [find.role, find.by, find.value, [[one.id, _plain(one.fields)] for one in found]]
            for find, found in known.found.items()
        ]
        run = Run.objects.create(
            **place, subject_id=row.pk, flow="calls", revision=0, state="done", settings_version=calls.version(), known={"found": answers},
            considered=[[one.rule, one.applied, one.reason.to_json()] for one in plan.considered], started_at=now,
        )  # fmt: skip
        for position, one in enumerate(plan.operations):
            values = {
                name: {"$ref": ["x", f"~{value.slot}"]} if isinstance(value, Local) else value
                for name, value in _plain(one.values).items()
            }
            Operation.objects.create(
                **place, key=f"{row.pk}-{one.slot}", run_id=run.pk, subject_id=row.pk, slot=one.slot, verb=one.verb, role=one.role,
                values=values, state="done", reason=one.reason.to_json(), position=position,
            )  # fmt: skip
    return int(row.pk)


def _plain(fields: Any) -> dict[str, Any]:
    from tieline.core.record import Local, to_json

    return {name: value if isinstance(value, Local) else to_json(value) for name, value in fields.items()}


def five_calls(calls: Calls) -> None:
    """Strangers, a known company, a private line."""
    crm = {"account": [{"id": "71", "name": "Vestkyst Tømrer A/S", "phone": "+4512804410", "owner": "u3"}]}
    lead = {"lead": [{"id": "81", "name": "Atelier Morel", "phone": "+33465712008", "owner": "u3"}]}
    add_call(calls, "+4512131415", line="+4570100419", missed=False, minutes=74)
    add_call(calls, "+4512804410", missed=False, crm=crm, minutes=48)
    add_call(calls, "+390115550142", minutes=32)
    add_call(calls, "+33465712008", missed=False, crm=lead, minutes=17)
    add_call(calls, "+4512345678", minutes=1)
