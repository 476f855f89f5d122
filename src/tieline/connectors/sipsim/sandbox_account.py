"""What an account of the SipSim sandbox has: lines, and addresses to which its webhooks go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tieline.connectors.sipsim.sandbox_events import OLD_EVENTS

CONTRACTS = ("new", "old")


@dataclass(slots=True)
class Hook:
    """Where webhooks go under one contract: one URL (new), or one per event (old; a single URL gets ?event= added for each)."""

    urls: dict[str, str] = field(default_factory=dict)
    url: str = ""
    method: str = "GET"
    body: str = "form"

    def of(self, event: str) -> str:
        """The URL of an event; "" for none."""
        return self.urls.get(event, self.url)


@dataclass(frozen=True, slots=True)
class Office:
    """A company on the page where people make calls, told apart by `key`: `urls` by contract, the secret that signs the newer ones, its lines as
    (number, label), and `home`, the address at which what came of a call is seen ("" for none)."""

    key: str
    label: str
    urls: dict[str, str]
    secret: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    home: str = ""

    def joined(self, other: Office) -> Office:
        """The same company told again: another connection of it adds its contract."""
        return Office(
            self.key,
            other.label,
            {**self.urls, **other.urls},
            other.secret or self.secret,
            other.lines or self.lines,
            other.home or self.home,
        )

    def hook(self, contract: str) -> Hook:
        """Where the webhooks of a contract go."""
        url = self.urls.get(contract, "")
        if contract == "new" or not url:
            return Hook(url=url)
        return Hook({event: f"{url}{'&' if '?' in url else '?'}event={event}" for event in OLD_EVENTS})


def office_from(value: dict[str, Any]) -> Office:
    """An office from its JSON; raises ValueError for what cannot be."""
    urls = dict(value["urls"])
    if not value["label"] or not urls or set(urls) - set(CONTRACTS):
        raise ValueError("an office needs a label, and urls by contract: new, old")
    if not all(url.startswith(("http://", "https://")) for url in urls.values()):
        raise ValueError("an address begins with http:// or https://")
    lines: Iterable[dict[str, str]] = value.get("lines", ())
    return Office(
        value.get("key") or value["label"],
        value["label"],
        urls,
        value.get("secret", ""),
        tuple((one["number"], one.get("label", "")) for one in lines),
        value.get("home", ""),
    )


def phone(number: int, line: str, name: str, kind: str) -> dict[str, Any]:
    """A line as the API shows it."""
    return {
        "id": number,
        "name": name,
        "type": kind,
        "number": line,
        "outbound_number": None,
        "internal_number": 100 + number,
        "calls_record_settings": {"inbound_enabled": True, "outbound_enabled": True},
        "calls_redirect_settings": {
            "force_redirection": {"enabled": False, "target_number": None},
            "conditional_redirection": {"enabled": False, "waiting_seconds": 20, "target_number": None},
        },
        "phone_groups": [],
        "ivr_rules": None,
    }
