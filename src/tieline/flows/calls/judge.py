"""Which records of the caller a call makes: every rule against what was there before, with the first condition that failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tieline.core.flow import Target
from tieline.core.plan import Considered, Known
from tieline.core.reasons import Reason, because
from tieline.core.record import Record
from tieline.flows.calls import reasons as why
from tieline.flows.calls.call import Call
from tieline.flows.calls.fold import instant
from tieline.flows.calls.owners import in_cycles
from tieline.flows.calls.people import MADE, People, is_open, is_settled
from tieline.flows.calls.settings import Settings
from tieline.flows.calls.texts import year_before

Judged = tuple[bool, Reason]


def judge(
    call: Call,
    known: Known,
    settings: Settings,
    target: Target,
    people: People,
    number: str,
    considered: list[Considered],
) -> dict[str, Reason]:
    """The roles that this call makes, each with its reason; why the others are not made goes into `considered`."""
    rules: tuple[tuple[str, bool, Callable[[], Judged]], ...] = (
        ("account", settings.account.create, lambda: _account(people, number)),
        ("lead", settings.lead.create, lambda: _lead(people, number)),
        ("contact", settings.contact.create, lambda: _contact(people, number)),
        ("deal", settings.deal.when != "never", lambda: _deal(people, call, settings)),
    )
    settled = is_settled(known)
    new: dict[str, Reason] = {}
    for role, on, rule in rules:
        reason: Reason
        if not on:
            reason = because(why.RULE_OFF)
        elif role not in target.roles:
            reason = because(why.ROLE_MISSING, role=role)
        elif not call.makes_person:
            reason = because(why.NO_PERSON, kind="own_line" if call.own_line else call.person.kind)
        elif role in known.own:
            reason = because(why.MADE_BEFORE)
        elif settled:
            reason = because(why.DECIDED_BEFORE)
        else:
            applies, reason = rule()
            if applies:
                new[role] = reason
                continue
        considered.append(Considered(f"{role}.create", False, reason))
    new = _chosen(new, settings, considered)
    needs_party, counts = target.limits.get("deal_needs_party"), settings.deal.when != "always"
    if "deal" in new and (needs_party or counts) and not _has_party(known, people, new):
        # a deal that hangs on nobody is found by no later call, so each one would make another
        del new["deal"]
        reason = because(why.DEAL_NO_PARTY if needs_party else why.DEAL_NOBODY)
        considered.append(Considered("deal.create", False, reason))
    return new


def name_of(record: Record) -> str:
    return str(record.get("name") or record.id)


def _has_party(known: Known, people: People, new: Mapping[str, Reason]) -> bool:
    """Whether there is, or will be, an account or contact that a deal can stand at."""
    if people.account_id is not None or people.contact is not None:
        return True
    return any(role in new or role in known.own for role in ("account", "contact"))


def _chosen(new: dict[str, Reason], settings: Settings, considered: list[Considered]) -> dict[str, Reason]:
    """Less the roles that wait for each other to choose an owner. Saved settings never do (CALL-24); a trial may."""
    sources = {role: getattr(settings, role).owner.kind for role in new}
    if not any(source in sources for source in sources.values()):
        return new
    stuck = in_cycles(sources)
    if stuck:
        reason = because(why.OWNER_CYCLE, rules=[f"{one}.owner" for one in MADE if one in stuck])
        considered.extend(Considered(f"{role}.create", False, reason) for role in new if role in stuck)
    return {role: reason for role, reason in new.items() if role not in stuck}


def _account(people: People, number: str) -> Judged:
    """CALL-9. A lead, or a contact without account, does not stand in the way."""
    if people.accounts:
        return False, because(why.ACCOUNT_MATCHES, name=name_of(people.account or people.accounts[0]))
    for contact in people.contacts:
        if contact.get("account"):
            return False, because(why.ACCOUNT_OF_CONTACT, name=name_of(contact))
    return True, because(why.ACCOUNT_NEW, number=number)


def _lead(people: People, number: str) -> Judged:
    """CALL-10."""
    for found in (people.contacts, people.accounts, people.leads):
        if found:
            return False, because(why.LEAD_MATCH, role=found[0].role, name=name_of(found[0]))
    return True, because(why.LEAD_NEW, number=number)


def _contact(people: People, number: str) -> Judged:
    """CALL-12."""
    if people.contacts:
        return False, because(why.CONTACT_MATCHES, name=name_of(people.contact or people.contacts[0]))
    return True, because(why.CONTACT_NEW, number=number)


def _deal(people: People, call: Call, settings: Settings) -> Judged:
    """CALL-13."""
    deals, when = people.deals, settings.deal.when
    if when == "always":
        return True, because(why.DEAL_ALWAYS)
    if when == "none":
        return (False, because(why.DEAL_THERE, name=name_of(deals[0]))) if deals else (True, because(why.DEAL_NONE))
    since = year_before(call.started_at, settings)[:-1] if call.started_at and deals else ""
    for deal in deals:
        created = instant(deal.get("created_at"))
        # a deal whose age nobody knows counts as young: better no second deal than one too many
        if is_open(deal) and (created is None or created[:-1] > since):
            return False, because(why.DEAL_ACTIVE, name=name_of(deal))
    return True, because(why.DEAL_NONE_ACTIVE, count=len(deals))
