"""What the pages of connections show, put together from the services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from tieline.sdk.manifest import Manifest
from tieline.store import public_ids
from tieline.store.models import Connection
from tieline.store.services import connections, customers
from tieline.store.services.asking import SANDBOX, manifest_of
from tieline.store.services.declined import DeclinedError
from tieline.store.services.flow_settings import FlowView, all_flows
from tieline.store.services.health import ErrorGroup, Health
from tieline.store.services.offers import Offer
from tieline.store.services.scopes import Rule
from tieline.web.connections import words
from tieline.web.connections.quality import Quality, quality
from tieline.web.request import PageRequest


def shown_id(connection: Connection | int) -> str:
    """A connection's id as it stands in addresses."""
    return public_ids.of("conn").show(connection if isinstance(connection, int) else connection.pk)


def asked(request: PageRequest, shown: str) -> Connection:
    """The connection of this address; 404 where this workspace has none such."""
    row_id = public_ids.of("conn").read(shown)
    if row_id is None:
        raise Http404
    try:
        return connections.get(request.workspace.pk, row_id)
    except DeclinedError:
        raise Http404 from None


def url_of(connection: Connection | int, page: str = "connections-one") -> str:
    """The address of a connection's page."""
    return reverse(page, args=[shown_id(connection)])


def page_url(name: str) -> str:
    """The address of another room's page, "" where it does not exist (yet)."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


@dataclass(frozen=True)
class Line:
    """A connection in one line: its state in a word, its budget, when it last answered."""

    connection: Connection
    health: Health
    url: str
    vendor: str
    letters: str
    word: str

    @property
    def is_sandbox(self) -> bool:
        """Whether it leads to a practice copy."""
        return self.connection.environment == SANDBOX


def line(connection: Connection, health: Health) -> Line:
    """A connection in one line."""
    manifest = manifest_of(connection.connector)
    return Line(
        connection, health, url_of(connection), manifest.title, manifest.letters, str(words.HEALTH[health.word])
    )


@dataclass(frozen=True)
class Card:
    """A card of the marketplace."""

    offer: Offer
    about: str
    abilities: Sequence[tuple[str, str]]
    checked: str
    lines: Sequence[Line]
    url: str
    quality: Quality

    @property
    def worst(self) -> Line | None:
        """The connection that says most: one in trouble before one that is well."""
        order = {"fail": 0, "wait": 1, "off": 2, "ok": 3}
        return min(self.lines, key=lambda one: order[one.health.kind], default=None)


def card(offer: Offer) -> Card:
    """A card of the marketplace, in words."""
    manifest = offer.manifest
    kinds = [str(words.CATEGORIES.get(name, name)) for name in manifest.categories]
    flows = [str(words.FLOWS.get(name, name)) for name in offer.flows]
    checked = (
        _("checked against the vendor’s own server") if offer.checked == "real" else _("checked against a sandbox only")
    )
    return Card(
        offer,
        " · ".join([", ".join(kinds), ", ".join(flows)] if flows else kinds),
        [(one.degree, words.ability(one)) for one in offer.abilities],
        checked,
        [line(row, found) for row, found in offer.connected],
        reverse("connections-new", args=[manifest.name]),
        quality(manifest),
    )


def matches(card: Card, query: str) -> bool:
    """Whether a card is what somebody looks for: each word somewhere in its title, kinds, flows or abilities."""
    text = " ".join([card.offer.manifest.title, card.about, *(said for _degree, said in card.abilities)]).lower()
    return all(word in text for word in query.lower().split())


@dataclass(frozen=True)
class Asked:
    """Scopes that are needed for the same rules. `granted`: whether each of them is; None before there is a connection."""

    rules: Sequence[str]
    scopes: Sequence[str]
    missing: Sequence[str] = ()


def asked_for(wanted: Mapping[str, Sequence[Rule]], missing: Sequence[str] = ()) -> list[Asked]:
    """Scope → rules, turned round: what is needed for the same rules stands together, most common first."""
    groups: dict[tuple[Rule, ...], list[str]] = {}
    for scope, rules in wanted.items():
        key = (Rule("", "*"),) if any(one.path == "*" for one in rules) else tuple(rules)
        groups.setdefault(key, []).append(scope)
    ordered = sorted(groups.items(), key=lambda one: (one[0][0].path != "*", -len(one[0])))
    return [
        Asked(
            words.rules(rules),
            [one for one in scopes if one not in missing],
            [one for one in scopes if one in missing],
        )
        for rules, scopes in ordered
    ]


@dataclass(frozen=True)
class Trouble:
    """Errors of one kind with what to do."""

    group: ErrorGroup
    said: str
    step: str


def troubles(health: Health, vendor: str) -> list[Trouble]:
    """Errors grouped, in words."""
    return [
        Trouble(one, words.error_said({"code": one.code, "params": one.params}, vendor), words.next_step(one, vendor))
        for one in health.errors
    ]


@dataclass(frozen=True)
class Used:
    """A flow that writes to a connection or listens to it."""

    flow: FlowView
    name: str
    url: str
    writes: bool


def used_by(workspace: int, connection: Connection) -> list[Used]:
    """The flows that this connection matters to."""
    out: list[Used] = []
    for view in all_flows(workspace):
        writes = view.target is not None and view.target.pk == connection.pk
        if writes or any(one.pk == connection.pk for one in view.sources):
            out.append(Used(view, str(words.FLOWS.get(view.flow, view.flow)), page_url(view.flow), writes))
    return out


@dataclass(frozen=True)
class Joined:
    """A pair of which a connection is a side."""

    name: str
    url: str
    kind: str
    word: str


def joined(workspace: int, connection: Connection) -> list[Joined]:
    """The pairs that keep customers the same there."""
    out: list[Joined] = []
    for pair in customers.pairs(workspace):
        if connection.pk not in (pair.left.pk, pair.right.pk):
            continue
        url = reverse("customers-pair", args=[public_ids.of("pair").show(pair.id)])
        kind, word = ("ok", _("Live")) if pair.row.live else ("watch", _("Watching"))
        if not pair.row.on:
            kind, word = "off", _("Switched off")
        out.append(Joined(f"{pair.left.title} – {pair.right.title}", url, kind, word))
    return out


def identity(connection: Connection, manifest: Manifest) -> list[tuple[str, Any]]:
    """Who we are there."""
    found = connection.identity
    config = connection.config
    pairs: list[tuple[str, Any]] = []
    if found.get("name"):
        pairs.append((_("Account"), found["name"]))
    if found.get("account_id"):
        pairs.append((_("Account ID"), found["account_id"]))
    if connection.environment == SANDBOX:
        pairs.append((_("Leads to"), _("Sandbox, not the vendor")))
    elif config.get("data_centre"):
        pairs.append((_("Data centre"), str(config["data_centre"]).upper()))
    labels = {one.name: one.label for one in manifest.auth.fields if not one.secret}
    from tieline.web.connections.manifest_texts import said

    pairs += [(said(labels[name]), value) for name, value in config.get("fields", {}).items() if name in labels]
    return pairs
