"""An event as its connector reads it: kind, number, time. Bodies are shown masked, and to admins only."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tieline.core.errors import TielineError
from tieline.core.facts import CallFact
from tieline.engine.ports import LISTED
from tieline.sdk import manifest as manifests
from tieline.sdk.contract import Request
from tieline.store import public_ids
from tieline.store.masking import masked, masked_headers
from tieline.store.models import Connection, Event
from tieline.web.parts import words

KINDS: Final[dict[str, str | Promise]] = {
    "ringing": gettext_lazy("Ringing"), "leg_ringing": gettext_lazy("Rings at a colleague"),
    "leg_ended": gettext_lazy("A colleague did not answer"), "answered": gettext_lazy("Answered"),
    "transferred": gettext_lazy("Transferred"), "ended": gettext_lazy("Ended"), "voicemail": gettext_lazy("Voicemail"),
    "recording_ready": gettext_lazy("Recording ready"), "enriched": gettext_lazy("More about the call"),
    "other": gettext_lazy("Something else"),
}  # fmt: skip
MOST_BODY: Final = 6000


@dataclass(frozen=True, slots=True)
class Read:
    """What an event says. `kind` in words; `number` outside, as people write it; "" and None where it does not say."""

    id: str
    kind: str
    number: str
    line: str
    received_at: datetime
    happened_at: datetime | None
    final: bool
    readable: bool = True


def event_id(event: int) -> str:
    """The event's public id."""
    return public_ids.of("event").show(event)


@cache
def _reader(connector: str) -> Any:
    """The connector's event side, None where it is not installed any more or has none."""
    try:
        found = manifests.load(connector)(None)
    except (TielineError, ImportError):
        return None
    return found if hasattr(found, "parse") else None


def read(event: Event, source: Connection | None, country: str = "") -> Read:
    """What the connector makes of it now; of what it cannot read, that. `country`: of numbers dialled without one."""
    shown = event_id(event.pk)
    reader = _reader(source.connector) if source is not None else None
    request = Request(event.method, event.query, event.headers, bytes(event.body))
    listed = event.method == LISTED
    try:
        if listed:
            facts = [CallFact(**one) for one in json.loads(request.body)]
        else:
            facts = reader.parse(request) if reader is not None else []
    except Exception:  # noqa: BLE001 - one odd body must not take the page down; the row says that it is odd
        return Read(shown, _("Not readable"), "", "", event.received_at, None, final=False, readable=False)
    if not facts:
        return Read(shown, str(KINDS["other"]), "", "", event.received_at, None, final=False)
    fact = next((one for one in facts if one.final), facts[-1])
    number = next((one.external_number for one in facts if one.external_number), "") or ""
    line = next((one.line_number for one in facts if one.line_number), "") or ""
    kind = str(KINDS.get(fact.type, fact.type))
    return Read(
        shown,
        _("%(kind)s, fetched from the list of calls") % {"kind": kind} if listed else kind,
        words.phone(number, country),
        words.phone(line, country),
        event.received_at,
        _moment(fact.occurred_at),
        final=fact.final,
    )


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def body(event: Event) -> str:
    """The body as it came, secrets and personal parts masked, JSON laid out."""
    text = bytes(event.body[: 4 * MOST_BODY]).decode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    found: str = masked(text)
    return found[:MOST_BODY]


def headers(event: Event) -> list[tuple[str, str]]:
    """Headers alike."""
    return sorted(masked_headers(event.headers).items())
