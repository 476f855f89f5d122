"""The demo's two companies, set up the way people would: by the same services as the pages use."""

from __future__ import annotations

import os
import unicodedata
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tieline.connectors.carddav.server import RadicaleServer
from tieline.connectors.tryton.server import TrytonServer
from tieline.core.flow import Target
from tieline.demo import morel, nordlys, systems
from tieline.demo.asking import get, post
from tieline.demo.books import Books, morel_books, nordlys_books
from tieline.demo.day import DayCall, read
from tieline.demo.play import Phones
from tieline.demo.tally import Tally
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection
from tieline.store.services import connections, consent, flow_settings, imports, practice
from tieline.store.team import people
from tieline.store.team.models import Role, User

FLOW = "calls"
SIGNING_SECRET = "the-secret-that-sipsim-shows"  # noqa: S105 - of the sandbox


@dataclass(slots=True)
class Company:
    """One workspace with its day and how to count what came of it."""

    workspace: int
    name: str
    email: str
    zone: str
    day: Sequence[DayCall]
    phones: Phones
    noon: Callable[[], None]
    count: Callable[[], Tally]
    where: str = ""
    evening: Callable[[], None] | None = None
    books: Callable[[], Books] | None = None
    """Joins the CRM with another system, once the calls of the day are counted."""
    sent: int = field(default=0)


def nordlys_company(sandbox: str, password: str, now: datetime) -> Company:
    """Nordlys ApS with Zoho CRM connected by consent, given in the sandbox's own page."""
    space = people.create_workspace("Nordlys ApS", zone=nordlys.ZONE, country=nordlys.COUNTRY, language="da")
    user = _super_admin(space, "anna@nordlys.example", "Anna Lindqvist", password, "en")
    where = consent.start(space.pk, user, "zoho_crm", environment="sandbox", title="Zoho CRM")
    finished = consent.finish(user, accept(where))
    if finished.connection is None:
        raise RuntimeError("the sandbox's consent page refused")
    crm = finished.connection
    users = _first_names(crm)
    names = _seed_zoho(sandbox, users, now)
    _lines(space.pk, user, nordlys.LINES, nordlys.DEFAULT_USER, crm, nordlys.COUNTRY, nordlys.ZONE)
    phones = _more_phones(space, user, _phones(space, user, sandbox, nordlys.LINES))
    flow_settings.set_live(space.pk, user, FLOW, True)

    def save(raw: dict[str, Any]) -> None:
        """Saves, and gives the consent that the new rules need beyond that of the defaults (CALL-3)."""
        if flow_settings.save(space.pk, user, FLOW, raw).waits:
            consented()

    def consented() -> None:
        consent.finish(user, accept(consent.start(space.pk, user, "zoho_crm", connection=crm.pk)))

    def noon() -> None:
        raw = dict(flow_settings.current(space.pk, FLOW).raw)
        raw["account"] = {**raw["account"], "create": True}
        raw["contact"] = {**raw["contact"], "create": True, "owner": {"kind": "account"}}
        raw["task"] = {**raw["task"], "owner": {"kind": "account"}}
        raw["deal"] = {**raw["deal"], "when": "no_active"}
        save(raw)  # only now pipelines may be read
        target = _target(space.pk, crm)
        stages = nordlys.STAGES_AT_NOON
        places = {user_id: _place(target, stages.get(first, stages["*"])) for first, user_id in users.items()}
        save({**raw, "deal": {**raw["deal"], "per_manager": True, "places": places}})

    def evening() -> None:
        raw = dict(flow_settings.current(space.pk, FLOW).raw)
        save({**raw, "task": {**raw["task"], "per": "caller"}})

    def count() -> Tally:
        records = get(f"{sandbox}/_control/zoho_crm/records")
        return nordlys.tally(day, nordlys.Found(records, names, users))

    day = read("nordlys")
    return Company(
        space.pk,
        space.name,
        user.email,
        nordlys.ZONE,
        day,
        phones,
        noon,
        count,
        "Zoho CRM (sandbox, consent by OAuth)",
        evening,
        lambda: nordlys_books(space.pk, user, crm.pk, sandbox, consented),
    )


def morel_company(sandbox: str, server: TrytonServer, radicale: RadicaleServer, password: str) -> Company:
    """Atelier Morel SARL with a real Tryton, connected by its address and an application key."""
    space = people.create_workspace("Atelier Morel SARL", zone=morel.ZONE, country=morel.COUNTRY, language="fr")
    user = _super_admin(space, "alice@morel.example", "Alice Martin", password, "fr")
    rpc, seed = server.admin(), server.seed
    names = morel.seed(rpc, seed.company, {name.split()[0]: number for name, number in seed.employees.items()})
    since = max(number for model, number in names if model == "party.party") - 3
    typed = {"url": server.base_url, "database": server.database, "key": seed.api_key}
    crm = connections.connect(space.pk, user, "tryton", typed, title="Tryton")
    users = _first_names(crm)
    _lines(space.pk, user, morel.LINES, morel.DEFAULT_USER, crm, morel.COUNTRY, morel.ZONE)
    phones = _phones(space, user, sandbox, morel.LINES)
    flow_settings.set_live(space.pk, user, FLOW, True)

    def noon() -> None:
        raw = dict(flow_settings.current(space.pk, FLOW).raw)
        raw["account"] = {**raw["account"], "create": True}
        raw["contact"] = {**raw["contact"], "create": True}
        raw["deal"] = {**raw["deal"], "when": "no_active"}
        flow_settings.save(space.pk, user, FLOW, raw)

    def count() -> Tally:
        employees = {first: int(user_id) for first, user_id in users.items()}
        return morel.tally(day, morel.Found(rpc, seed.company, employees, names, since))

    day = read("morel")
    where = "Tryton (a real server)"
    made = Company(space.pk, space.name, user.email, morel.ZONE, day, phones, noon, count, where)
    made.books = lambda: morel_books(space.pk, user, crm.pk, rpc, radicale)
    return made


def accept(url: str) -> dict[str, str]:
    """Presses Accept on the sandbox's consent page; what the vendor sends back in the redirect."""
    parts = urllib.parse.urlsplit(url)
    form = {**dict(urllib.parse.parse_qsl(parts.query)), "decision": "accept"}
    request = urllib.request.Request(  # noqa: S310 - the sandbox that the demo started
        f"{parts.scheme}://{parts.netloc}{parts.path}", data=urllib.parse.urlencode(form).encode()
    )
    opener = urllib.request.build_opener(_Stay)
    try:
        opener.open(request, timeout=10)
    except urllib.error.HTTPError as answer:
        back = answer.headers.get("Location", "")
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    raise RuntimeError("the consent page did not send anybody back")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


def _super_admin(space: Any, email: str, name: str, password: str, language: str) -> User:
    user = people.create_user(email, name, password, language=language)
    people.add_member(space, user, Role.SUPER_ADMIN)
    return user


def _phones(space: Any, user: User, sandbox: str, lines: Sequence[tuple[str, str, str]]) -> Phones:
    """Two SipSim connections: the newer contract is signed, the older one has nothing but its address."""
    workspace, people_at = space.pk, f"{os.environ['TIELINE_PUBLIC_URL']}/w/{space.key}"
    signed = connections.connect(
        workspace, user, "sipsim", {"signing_secret": SIGNING_SECRET}, title="SipSim", environment="sandbox"
    )
    plain = connections.connect(workspace, user, "sipsim", {}, title="SipSim (older webhooks)", environment="sandbox")
    with workspace_tx(workspace):
        urls = {"new": connections.intake_url(signed), "old": connections.intake_url(plain)}
    for source in (signed, plain):
        connections.set_lines(workspace, user, source.pk, [(number, label) for number, label, _ in lines])
        flow_settings.add_source(workspace, user, FLOW, source.pk)
        practice.open_page(workspace, user, source.pk, home=f"{people_at}/runs/")
    return Phones(urls, SIGNING_SECRET, f"{sandbox}/sipsim/recordings")


def _more_phones(space: Any, user: User, phones: Phones) -> Phones:
    """The four other phone systems that deliver, and a connection for call lists."""
    workspace, urls = space.pk, dict(phones.urls)
    for connector, title in systems.CONNECTORS.items():
        made = connections.connect(
            workspace, user, connector, systems.typed(connector), title=title, environment="sandbox"
        )
        with workspace_tx(workspace):
            urls[connector] = connections.intake_url(made)
        if connector != "twilio":  # Twilio lists its numbers itself
            connections.set_lines(workspace, user, made.pk, [(number, label) for number, label, _ in nordlys.LINES])
        flow_settings.add_source(workspace, user, FLOW, made.pk)
    urls["get"] = urls["webhook"]
    lists = connections.connect(workspace, user, "call_list", {}, title="Call lists", environment="sandbox")
    flow_settings.add_source(workspace, user, FLOW, lists.pk)

    def bring(content: bytes) -> None:
        imports.start(workspace, user, imports.begin(workspace, user, lists.pk, "calls.csv", content).pk)

    return replace(phones, urls=urls, country=nordlys.COUNTRY, bring=bring)


def _lines(
    workspace: int,
    user: User,
    lines: Sequence[tuple[str, str, str]],
    default: str,
    crm: Connection,
    country: str,
    zone: str,
) -> None:
    raw = dict(flow_settings.current(workspace, FLOW).raw)
    with workspace_tx(workspace):
        staff = {_plain(one.name.split()[0]): one for one in connections.users_of(crm)}

    def pick(first: str) -> dict[str, str] | None:
        return {"id": staff[first].id, "label": staff[first].name} if first in staff else None

    raw["lines"] = [
        {"number": number, "label": label, "manager": pick(first), "ignore": first == "ignore"}
        for number, label, first in lines
    ]
    raw |= {"default_user": pick(default), "default_country": country, "zone": zone}
    flow_settings.save(workspace, user, FLOW, raw)


def _place(target: Target, stage: str) -> dict[str, Any]:
    """The deal place whose stage is called so."""
    found = next((place for place in target.places if place.stage == stage), None)
    if found is None:
        raise RuntimeError(f"no stage {stage!r} among {[place.stage for place in target.places]}")
    return {
        "layout": {"id": found.layout, "label": "Standard"},
        "pipeline": {"id": found.pipeline, "label": "Standard"},
        "stage": {"id": found.stage, "label": stage},
    }


def _target(workspace: int, crm: Connection) -> Target:
    with workspace_tx(workspace):
        crm.refresh_from_db()
        return connections.target_of(crm)


def _first_names(crm: Connection) -> dict[str, str]:
    """First name, without accents → id of every user of the CRM."""
    with workspace_tx(crm.workspace_id):
        return {_plain(one.name.split()[0]): one.id for one in connections.users_of(crm)}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def _seed_zoho(sandbox: str, users: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Puts Nordlys' old customers into the sandbox; id → the name that the day file calls them by."""
    ids: dict[str, str] = {}
    records = nordlys.seed(users, now.astimezone(UTC))
    for module in dict.fromkeys(module for _, module, _ in records):
        rows = [(name, record) for name, of, record in records if of == module]
        linked = [
            {
                key: {"id": ids[value["@"]]} if isinstance(value, dict) and "@" in value else value
                for key, value in one.items()
            }
            for _, one in rows
        ]
        made = post(f"{sandbox}/_control/zoho_crm/records", {module: linked})[module]
        ids.update({name: record for (name, _), record in zip(rows, made, strict=True)})
    return {record: name for name, record in ids.items()}
