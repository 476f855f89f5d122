"""Connections by typed fields: a phone system with its address, secret and lines; pause; health; settings."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.playing import Playing, playing

if TYPE_CHECKING:
    from tests.conftest import Installation

TOKEN = "sandbox-token"


@dataclass
class Firm:
    """A workspace with two people."""

    workspace: int
    user: Any
    other: Any


@pytest.fixture(scope="module")
def sandboxes(installation: Installation) -> Iterator[Playing]:
    with playing() as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


@pytest.fixture
def firm(sandboxes: Playing) -> Firm:
    from tieline.store.team import people

    tag = secrets.token_hex(4)
    workspace = people.create_workspace(f"Firm {tag}", zone="Europe/Paris", country="FR")
    users = [people.create_user(f"{name}.{tag}@nordlys.example", f"{name} Krogh", None) for name in ("Anna", "Bo")]
    for user in users:
        people.add_member(workspace, user, "admin")
    return Firm(workspace.pk, *users)


def phones(firm: Firm, **typed: str) -> Any:
    from tieline.store.services import connections

    return connections.connect(firm.workspace, firm.user, "sipsim", typed, environment="sandbox")


def crm(firm: Firm) -> Any:
    """A CRM as it stands after a consent, without one."""
    from tieline.sdk.contract import FieldSchema, ObjectSchema, VendorUser
    from tieline.sdk.manifest import connector
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection
    from tieline.store.services import flow_settings, schemas

    manifest = connector("zoho_crm")
    with workspace_tx(firm.workspace):
        row = Connection.objects.create(
            workspace_id=firm.workspace, connector="zoho_crm", title="CRM", is_main_crm=True
        )
        row.scopes = [scope for scopes in manifest.needs.values() for scope in scopes]
        row.save()
        described = [
            ObjectSchema(
                role.object,
                name,
                tuple(
                    FieldSchema(vendors[0], vendors[0], "user" if canonical == "owner" else "text")
                    for canonical, vendors in role.fields.items()
                ),
            )
            for name, role in manifest.roles.items()
        ]
        schemas.keep(row, described, [VendorUser("7", "Anna Krogh", firm.user.email), VendorUser("8", "Claire Petit")])
    flow_settings.set_target(firm.workspace, firm.user, "calls", row.pk)
    return row


def test_a_phone_system_gets_an_address_and_its_lines(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.public_ids import intake_hash
    from tieline.store.services import connections, flow_settings

    row = phones(firm, token=TOKEN)
    with workspace_tx(firm.workspace):
        url = connections.intake_url(row)
    assert url.startswith("http://127.0.0.1:8000/in/")
    assert row.intake_hash == intake_hash(url.rpartition("/")[2])
    assert len(row.lines) >= 6
    assert [one.pk for one in flow_settings.current(firm.workspace, "calls").sources] == [row.pk]
    renewed = connections.new_intake_key(firm.workspace, firm.user, row.pk)
    assert renewed != url


def test_without_a_token_nothing_is_asked_and_lines_are_typed(firm: Firm, sandboxes: Playing) -> None:
    from tieline.store.services import connections
    from tieline.store.services.declined import DeclinedError

    side = sandboxes.running.side("sipsim")
    side.forget_counts()
    row = phones(firm)
    assert row.lines == []
    assert side.counts()["requests"] in (0, {})
    connections.set_lines(firm.workspace, firm.user, row.pk, [("01 86 76 54 32", "Claire"), ("102", "Front desk")])
    assert connections.get(firm.workspace, row.pk).lines == [["01 86 76 54 32", "Claire"], ["102", "Front desk"]]
    with pytest.raises(DeclinedError, match=r"connection.line_invalid"):
        connections.set_lines(firm.workspace, firm.user, row.pk, [("?!", "")])


@pytest.mark.parametrize(
    ("typed", "fault", "code"),
    [
        ({"token": "wrong"}, None, "vendor.refused"),
        ({"token": "line\nbreak"}, None, "vendor.config"),
        ({"token": TOKEN}, {"kind": "status", "status": 500, "times": 9}, "vendor.unreachable"),
        ({"token": TOKEN}, {"kind": "html", "times": 9}, "vendor.unreachable"),
        ({"token": TOKEN}, {"kind": "status", "status": 429, "retry_after": 60, "times": 9}, "vendor.busy"),
    ],
)
def test_what_the_vendor_does_not_take_is_not_kept(
    firm: Firm, sandboxes: Playing, typed: dict[str, str], fault: dict[str, Any] | None, code: str
) -> None:
    from tieline.store.services import connections
    from tieline.store.services.declined import DeclinedError

    if fault:
        sandboxes.fault("sipsim", **fault)
    try:
        with pytest.raises(DeclinedError) as told:
            phones(firm, **typed)
    finally:
        sandboxes.running.side("sipsim").faults.clear()
    assert told.value.code == code
    assert typed["token"] not in repr(told.value.params)
    assert connections.listed(firm.workspace, ended=True) == []


def test_a_vendor_that_hangs_is_waited_for_so_long_and_no_longer(
    firm: Firm, sandboxes: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.store.services import connections
    from tieline.store.services.declined import DeclinedError

    monkeypatch.setattr(connections, "SET_UP_S", 0.3)
    sandboxes.fault("sipsim", kind="hang", seconds=5, times=1)
    with pytest.raises(DeclinedError, match=r"vendor.too_slow"):
        phones(firm, token=TOKEN)
    sandboxes.running.side("sipsim").faults.clear()


def test_required_fields_are_named(firm: Firm) -> None:
    from tieline.store.services import connections
    from tieline.store.services.declined import DeclinedError

    with pytest.raises(DeclinedError) as told:
        connections.connect(firm.workspace, firm.user, "tryton", {"url": "http://127.0.0.1:1"})
    assert (told.value.code, told.value.field) == ("connection.field_required", "database")


def test_a_secret_is_replaced_or_taken_away(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import connections
    from tieline.store.services.asking import opening_of

    row = phones(firm, signing_secret="whsec_1")

    def kept() -> Any:
        with workspace_tx(firm.workspace):
            return opening_of(connections.get(firm.workspace, row.pk)).fields

    assert kept()["signing_secret"] == "whsec_1"
    connections.set_secret(firm.workspace, firm.user, row.pk, "signing_secret", " whsec_2 ")
    assert kept()["signing_secret"] == "whsec_2"
    connections.set_secret(firm.workspace, firm.user, row.pk, "signing_secret", "")
    assert "signing_secret" not in kept()


def test_new_fields_are_checked_before_they_replace_the_old_ones(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection
    from tieline.store.services import connections
    from tieline.store.services.declined import DeclinedError

    row = phones(firm, token=TOKEN, signing_secret="whsec_1")
    with workspace_tx(firm.workspace):
        Connection.objects.filter(pk=row.pk).update(state="needs_reconnect")
    with pytest.raises(DeclinedError, match=r"vendor.refused"):
        connections.retype(firm.workspace, firm.user, row.pk, {"token": "wrong"})
    assert connections.get(firm.workspace, row.pk).state == "needs_reconnect"
    connections.retype(firm.workspace, firm.user, row.pk, {"token": TOKEN})
    assert connections.get(firm.workspace, row.pk).state == "active"


def test_lines_join_the_settings_with_the_person_of_their_name(firm: Firm) -> None:
    from tieline.store.services import connections, flow_settings

    crm(firm)
    row = phones(firm)
    connections.set_lines(
        firm.workspace, firm.user, row.pk, [("0186765432", "Claire Petit"), ("0186765433", "Reception")]
    )
    settings = flow_settings.current(firm.workspace, "calls").settings
    assert settings.default_user.id == "7"
    assert [(line.number, line.manager and line.manager.id) for line in settings.lines] == [
        ("0186765432", "8"),
        ("0186765433", None),
    ]
    connections.set_lines(
        firm.workspace, firm.user, row.pk, [("+33 1 86 76 54 32", "Other"), ("0186765434", "Anna Krogh")]
    )
    numbers = [line.number for line in flow_settings.current(firm.workspace, "calls").settings.lines]
    assert numbers == ["0186765432", "0186765433", "0186765434"]


@pytest.mark.proves("CALL-24")
def test_settings_that_contradict_are_refused_and_older_bases_too(firm: Firm) -> None:
    from tieline.store.services import flow_settings
    from tieline.store.services.declined import DeclinedError

    crm(firm)
    raw = flow_settings.current(firm.workspace, "calls").raw
    cycle = {
        **raw,
        "account": {**raw["account"], "create": True, "owner": {"kind": "contact"}},
        "contact": {**raw["contact"], "create": True, "owner": {"kind": "account"}},
    }
    with pytest.raises(flow_settings.ClashesError) as told:
        flow_settings.save(firm.workspace, firm.user, "calls", cycle)
    assert told.value.clashes[0].example is not None
    with pytest.raises(DeclinedError, match=r"flow.malformed"):
        flow_settings.save(firm.workspace, firm.user, "calls", {**raw, "settle_s": "soon"})
    assert flow_settings.current(firm.workspace, "calls").version == 1
    first = flow_settings.save(firm.workspace, firm.user, "calls", {**raw, "zone": "Europe/Rome"}, base=1)
    assert (first.version, dict(first.waits)) == (2, {})
    with pytest.raises(DeclinedError, match=r"flow.changed_meanwhile"):
        flow_settings.save(firm.workspace, firm.other, "calls", raw, base=1)


def test_the_live_switch_needs_somewhere_to_write(firm: Firm) -> None:
    from tieline.store.services import flow_settings
    from tieline.store.services.declined import DeclinedError

    phones(firm)
    with pytest.raises(DeclinedError, match=r"flow.no_target"):
        flow_settings.set_live(firm.workspace, firm.user, "calls", True)
    crm(firm)
    assert flow_settings.set_live(firm.workspace, firm.user, "calls", True).live_since is not None
    assert flow_settings.set_live(firm.workspace, firm.user, "calls", False).live_since is None


@pytest.mark.proves("HUB-2")
def test_health_says_what_is_wrong_and_groups_it(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Budget, Event, RefusedDelivery
    from tieline.store.services import connections
    from tieline.store.services.health import health

    source, target = phones(firm), crm(firm)

    def of(row: Any) -> Any:
        with workspace_tx(firm.workspace):
            return health(connections.get(firm.workspace, row.pk))

    assert (of(source).kind, of(source).word) == ("wait", "no_event_yet")
    with workspace_tx(firm.workspace):
        Event.objects.create(
            workspace_id=firm.workspace, connection=source, epoch=1, key="0" * 32, received_at=datetime.now(UTC),
            method="POST", body=b"{}",
        )  # fmt: skip
    assert of(source).word == "healthy"
    with workspace_tx(firm.workspace):
        for _ in range(3):
            RefusedDelivery.objects.create(
                workspace_id=firm.workspace, connection=source, status=401, method="POST",
                reason={"code": "intake.signature_wrong"},
            )  # fmt: skip
    found = of(source)
    assert (found.kind, found.word) == ("fail", "refused_deliveries")
    assert [(one.what, one.code, one.count) for one in found.errors] == [("delivery", "intake.signature_wrong", 3)]
    with workspace_tx(firm.workspace):
        today = int(datetime.now(UTC).timestamp() // 86400)
        Budget.objects.create(workspace_id=firm.workspace, connection=target, used=1204, requests=900, day=today)
    found = of(target)
    assert (found.kind, found.used, found.limit, found.requests) == ("ok", 1204, 50000, 900)
    connections.pause(firm.workspace, firm.user, target.pk)
    assert (of(target).kind, of(target).word) == ("off", "paused")
    connections.resume(firm.workspace, firm.user, target.pk)
    assert of(target).word == "healthy"


def test_nothing_of_another_workspace_can_be_named(firm: Firm) -> None:
    from tieline.store.services import connection_ends, connections
    from tieline.store.services.declined import DeclinedError
    from tieline.store.team import people

    row = phones(firm)
    stranger = people.create_workspace(f"Other {secrets.token_hex(4)}").pk
    for call in (
        lambda: connections.get(stranger, row.pk),
        lambda: connections.pause(stranger, firm.user, row.pk),
        lambda: connection_ends.disconnect(stranger, firm.user, row.pk),
        lambda: connections.set_secret(stranger, firm.user, row.pk, "token", "x"),
    ):
        with pytest.raises(DeclinedError):
            call()
