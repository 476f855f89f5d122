"""A telephone system that exports its calls as a file: ``/call_list/calls.csv``.

Query: ``calls`` (how many, 100 by default), ``style`` ("excel": semicolons, cp1252, day before month; "plain": commas, UTF-8, ISO
times; "tabs": tab, UTF-16), ``seed``. The same query gives the same list.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply

MOST = 100_000
STYLES = {"plain": (",", "utf-8"), "excel": (";", "cp1252"), "tabs": ("\t", "utf-16")}
HEADINGS = ("Start time", "Type", "From", "To", "Duration", "Result", "Agent", "Call ID", "Recording")
FRENCH = (
    "Date et heure",
    "Sens",
    "Appelant",
    "Appelé",
    "Durée",
    "Statut",
    "Collaborateur",
    "ID appel",
    "Enregistrement",
)
LINE = "+33198765432"
PEOPLE = ("Anna Lindqvist", "Bruno Keller", "Chloé Martin")
BEGIN = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


def listed(calls: int, style: str = "plain", seed: int = 0) -> bytes:
    """The file of so many calls."""
    separator, encoding = STYLES[style]
    chance = random.Random(seed)
    french = style == "excel"
    lines = [separator.join(FRENCH if french else HEADINGS)]
    for number in range(calls):
        at = BEGIN + timedelta(seconds=number * 97)
        inbound, answered = chance.random() < 0.7, chance.random() < 0.6
        outside = f"+336{chance.randrange(10**8):08d}"
        talk = chance.randrange(5, 900) if answered else 0
        words = (("Entrant", "Sortant") if french else ("Inbound", "Outbound"))[not inbound]
        result = ("Répondu" if french else "Answered") if answered else ("Non répondu" if french else "No answer")
        when = at.strftime("%d/%m/%Y %H:%M:%S" if french else "%Y-%m-%dT%H:%M:%SZ")
        caller, called = (outside, LINE) if inbound else (LINE, outside)
        span = f"{talk // 3600:02}:{talk % 3600 // 60:02}:{talk % 60:02}"
        agent = chance.choice(PEOPLE) if answered else ""
        link = f"https://recordings.example/{number}.mp3" if answered else ""
        lines.append(separator.join((when, words, caller, called, span, result, agent, f"L{seed}-{number:06d}", link)))
    return "\r\n".join([*lines, ""]).encode(encoding)


class CallList(Sandbox):
    """Gives the file; takes nothing."""

    name = "call_list"

    def answer(self, request: Request) -> Reply:
        """The one path."""
        if request.path != "/calls.csv" or request.method != "GET":
            return json_reply(404, {"error": "there is only GET /calls.csv"})
        query = request.query
        count, style = query.get("calls", "100"), query.get("style", "plain")
        if not count.isdecimal() or int(count) > MOST or style not in STYLES or not query.get("seed", "0").isdecimal():
            return json_reply(400, {"error": f"calls up to {MOST}, style one of {', '.join(STYLES)}, seed a number"})
        return Reply(200, listed(int(count), style, int(query.get("seed", "0"))), "text/csv")


SANDBOX = CallList
