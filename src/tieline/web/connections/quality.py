"""What a connector's quality.toml answers, rule by rule, for people who choose one."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tieline.sdk.manifest import Manifest

RULES: Final[dict[str, str | Promise]] = {
    "check": _("Connecting says whose account it is and changes nothing"),
    "errors": _("Every error says what happens next; a write without an answer is looked for before it is sent again"),
    "secrets": _("No message and no log line holds a secret"),
    "described": _("Requests and answers fit the vendor’s published description"),
    "least-rights": _("No right is asked for that no rule needs"),
    "origin-key": _("The same write twice is one record"),
    "resumable": _("A long read goes on where it stopped and skips nothing"),
    "signatures": _("An event that is not genuine is refused"),
    "back-fill": _("Lost events are fetched again"),
    "files": _("Files are read from named places only"),
    "guide": _("A guide says how to connect and what it cannot do"),
    "sandbox": _("It can be tried against a sandbox that misbehaves, or a real server"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `why_not`: why it does not apply, in the words of the connector's author; "" where it is kept."""

    said: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Quality:
    """`kept`: how many rules apply and are kept; the others say why they do not apply."""

    rules: Sequence[Rule]
    kept: int

    @property
    def left_out(self) -> int:
        """How many do not apply."""
        return len(self.rules) - self.kept


def quality(manifest: Manifest) -> Quality:
    """What this connector's author answers, and its tests hold (`sdk/conformance`)."""
    answers = tomllib.loads(manifest.text("quality.toml")).get("rules", {})
    rules = [
        Rule(str(said), str(answers[name]["exempt"]) if isinstance(answers.get(name), dict) else "")
        for name, said in RULES.items()
        if name in answers
    ]
    kept = sum(not one.why_not for one in rules)
    return Quality(rules, kept)
