"""The rules that a connector's quality.toml answers, each "done" or exempt with a reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from tieline.sdk.conformance.promises import has_subject
from tieline.sdk.manifest import Manifest, load

RULES: Mapping[str, str] = {
    "check": "check() says who we are and changes nothing",
    "errors": "every error says what may be done next; a lost answer to a write is unknown",
    "secrets": "no message, repr or log line holds a secret or a body",
    "described": "requests and the sandbox's answers validate against the vendor's published description",
    "least-rights": "each need of a rule names its scopes, and nothing else is asked for",
    "origin-key": "the same write twice is one record",
    "resumable": "a long read resumes after any page and skips nothing",
    "signatures": "a delivery that is not genuine is refused",
    "back-fill": "events that were lost are fetched again",
    "files": "files are read from named hosts only",
    "guide": "doc.md says how to connect, what it cannot do, and what is not confirmed",
    "sandbox": "sandbox.py plays the vendor, misbehaviour included (or there is a real server)",
}


def faults_of(manifest: Manifest) -> list[str]:
    """What is wrong with a connector's folder; empty when nothing is."""
    out: list[str] = []
    out += [f"quality.toml: {fault}" for fault in _answers(manifest)]
    guide = manifest.text("doc.md").lower()
    out += [f"doc.md has no section {word!r}" for word in ("connect", "cannot do", "confirmed") if word not in guide]
    if not has_subject(manifest):
        out.append("there is no tests.py with subject()")
    methods = {
        "records": ("check", "describe", "users", "pull", "fetch", "find", "push", "prepare"),
        "counts": ("count",),
        "events": ("arrive", "parse"),
        "history": ("list_since", "lines"),
        "files": ("open",),
        "changes": ("arrive", "changed", "subscribe", "subscription", "unsubscribe"),
    }
    made = load(manifest.name)
    for facet in manifest.facets:
        out += [f"{facet}: there is no {name}()" for name in methods[facet] if not callable(getattr(made, name, None))]
    for key in manifest.needs:
        role = key.partition(".")[0]
        if manifest.roles and role not in ("*", *manifest.roles):
            out.append(f"needs: there is no role {role!r}")
    return out


def _answers(manifest: Manifest) -> list[str]:
    try:
        rules: dict[str, Any] = tomllib.loads(manifest.text("quality.toml")).get("rules", {})
    except tomllib.TOMLDecodeError as error:
        return [str(error)]
    out = [f"no answer to {name!r}" for name in RULES if name not in rules]
    out += [f"there is no rule {name!r}" for name in rules if name not in RULES]
    for name, answer in rules.items():
        exempt = isinstance(answer, dict) and set(answer) == {"exempt"} and len(str(answer["exempt"])) > 10
        if answer != "done" and not exempt:
            out.append(f"{name!r} is neither done nor exempt with a reason")
    return out
