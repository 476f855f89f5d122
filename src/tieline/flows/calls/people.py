"""Who the caller is: which records must be looked up, which of them match, and which one the call belongs to.

`people_of` is run for the look-ups and for the decision alike: what it misses is what must be looked up next, so the two
cannot disagree. Three rounds at most: by number; contacts of converted leads; parent accounts and deals. Where an open task is used again, one
more: the caller's tasks by their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieline.core.plan import Find, Known, Own, Question
from tieline.core.reasons import because
from tieline.core.record import PLANNED, Record, Ref
from tieline.flows.calls.call import Call
from tieline.flows.calls.fold import instant
from tieline.flows.calls.reasons import SEVERAL
from tieline.flows.calls.settings import Settings
from tieline.flows.calls.target import CLOSED

READS: dict[str, tuple[str, ...]] = {
    "account": ("name", "phone", "owner", "last_activity"),
    "lead": ("name", "phone", "owner", "converted_contact", "last_activity"),
    "contact": ("name", "phone", "owner", "account", "last_activity"),
    "deal": ("name", "owner", "account", "contact", "stage_kind", "created_at"),
    "task": ("name", "status", "contact", "description", "origin"),
}
PERSONS = ("contact", "account", "lead")
"""The set order of CALL-17."""
MADE = ("account", "lead", "contact", "deal")
"""Slots of records that a call makes and that others may hang on."""
TASK_AGAIN, TASK_CLOSE = "task.again", "task.close"
"""Slots of what is done to the caller's open task."""
MOST_TASKS = 50
"""Of a caller, the newest, that are looked at."""
QUESTION = "several"
NOBODY = "none"
"""The answer "somebody new"."""


@dataclass(slots=True)
class Wants:
    """What the active rules ask of this call: nothing is looked up that none of them needs."""

    log: bool
    task: bool
    account: bool
    lead: bool
    contact: bool
    deal: bool
    tasks: bool = False
    """The caller's open tasks: to use one again, or to close them."""
    sources: frozenset[str] = frozenset()
    """Owner sources of the active rules."""

    @property
    def anything(self) -> bool:
        return self.log or self.task or self.account or self.lead or self.contact or self.deal or self.tasks


@dataclass(slots=True)
class People:
    """contacts, accounts, leads: every match, less what this call has made itself; converted leads are their contacts.

    contact, account, lead: the one that the call belongs to. account_id may name a parent account that was not read.
    deals: those that the deal rule looks at. tasks: those of the caller, of whatever status, where they count. missing: what must be looked up first; then nothing else here counts.
    """

    contacts: Sequence[Record] = ()
    accounts: Sequence[Record] = ()
    leads: Sequence[Record] = ()
    contact: Record | None = None
    account: Record | None = None
    account_id: str | None = None
    lead: Record | None = None
    deals: Sequence[Record] = ()
    tasks: Sequence[Record] = ()
    question: Question | None = None
    picked: str = ""
    """The role of the record that a person picked."""
    missing: list[Find] = field(default_factory=list)

    @property
    def account_ref(self) -> Ref | None:
        return Ref("account", self.account_id) if self.account_id is not None else None


def wants_of(call: Call, known: Known, settings: Settings) -> Wants | None:
    """None when the whole call is none of the CRM's business."""
    if call.ignored is not None or call.direction == "internal":
        return None
    own = known.own
    logged = settings.call.log in ("all", call.direction) and "call" not in own
    task = settings.task.create and call.unreached and "task" not in own and TASK_AGAIN not in own
    reached = settings.task.create and call.result == "answered" and TASK_CLOSE not in own
    new = call.makes_person and not is_settled(known)
    wants = Wants(
        log=logged,
        task=task,
        account=new and settings.account.create,
        lead=new and settings.lead.create,
        contact=new and settings.contact.create,
        deal=new and settings.deal.when != "never",
        tasks=settings.task.per == "caller" and call.makes_person and (task or reached),
    )
    rules = (
        (wants.log, settings.call), (wants.task, settings.task), (wants.account, settings.account),
        (wants.lead, settings.lead), (wants.contact, settings.contact), (wants.deal, settings.deal),
    )  # fmt: skip
    wants.sources = frozenset(rule.owner.kind for active, rule in rules if active)
    return wants


def is_settled(known: Known) -> bool:
    """The persons of this call were decided before, made or not: they are not judged again on what the CRM holds today."""
    return known.decided or hangs(known.own)


def hangs(own: Mapping[str, Own]) -> bool:
    """A record that hangs on the call's persons is there and says who they are."""
    return "call" in own or "task" in own


def lookups(call: Call, known: Known, settings: Settings) -> tuple[Find, ...]:
    """What must be known and is not yet."""
    wants = wants_of(call, known, settings)
    if wants is None:
        return ()
    return tuple(people_of(call, known, settings, wants).missing)


def people_of(call: Call, known: Known, settings: Settings, wants: Wants) -> People:
    """The matches of this call's number, as far as `known` has them."""
    people = People()
    if not call.makes_person or not wants.anything:
        return people
    ask = _Ask(known, people.missing)
    if hangs(known.own):
        _hung_on(people, ask, known.own, wants)
        return people
    number = call.person.e164
    contacts = ask.find("contact", "phone", number)
    leads = ask.find("lead", "phone", number)
    accounts = ask.find("account", "phone", number)
    if people.missing:
        return people
    people.accounts = accounts
    people.contacts, people.leads = _converted(contacts, leads, ask)
    if people.missing:
        return people
    if not (people.contacts or people.leads or people.accounts):
        return people
    answer = known.answers_given.get(QUESTION)
    if answer is not None and not _answered(people, answer):
        answer = None
    elif answer is not None and not (people.contacts or people.leads or people.accounts):
        return people
    inbox = answer is None and settings.several.decide == "inbox"
    _ask_the_rest(people, ask, wants, inbox)
    if people.missing:
        return people
    if inbox:
        people.question = _question(people, call, ask)
    _choose(people, ask, wants)
    return people


def id_of(value: Any) -> str | None:
    """The id that a link field holds: a Ref, or the id itself; None when it is empty."""
    if value is None or value == "":
        return None
    return value.id if isinstance(value, Ref) else str(value)


def is_open(deal: Record) -> bool:
    """Neither won nor lost; a stage that nobody knows counts as open."""
    return deal.get("stage_kind") not in CLOSED


class _Ask:
    """Answers from what is known, less this call's own records; notes what is missing."""

    def __init__(self, known: Known, missing: list[Find]) -> None:
        self._found = known.found
        self._missing = missing
        # an id says nothing without its role: some CRMs number each kind from 1
        self._own = {own.ref for slot in MADE if (own := known.own.get(slot)) is not None}

    def find(self, role: str, by: str, value: str) -> tuple[Record, ...]:
        key = Find(role, by, value)
        found = self._found.get(key)
        if found is None:
            if key not in self._missing:
                self._missing.append(key)
            return ()
        if self._own:
            return tuple(record for record in found if record.ref not in self._own)
        return found

    def has_open_deal(self, record: Record) -> bool:
        """A contact's own deals, and those of its account that name nobody else."""
        finds = [(record.role, record.id)]
        if record.role == "contact" and (parent := id_of(record.get("account"))) is not None:
            finds.append(("account", parent))
        deals = [
            deal for by, id in finds for deal in self.find("deal", by, id)
        ]  # all of it, so that one round asks all
        return any(
            is_open(deal) and (record.role != "contact" or id_of(deal.get("contact")) in (None, record.id))
            for deal in deals
        )


def _hung_on(people: People, ask: _Ask, own: Mapping[str, Own], wants: Wants) -> None:
    """The persons that the call's record already names, read as far as an owner is still to be taken from them."""
    values = (own.get("call") or own["task"]).values
    for role in PERSONS:
        id = id_of(values.get(role))
        if id is None:
            continue
        if role == "account":
            people.account_id = id
        if role in wants.sources:
            found = ask.find(role, "id", id)
            setattr(people, role, found[0] if found else None)
    if wants.tasks:
        hung = {role: id for role in PERSONS if (id := id_of(values.get(role))) is not None}
        people.tasks = _tasks(ask, hung)


def _converted(
    contacts: tuple[Record, ...], leads: tuple[Record, ...], ask: _Ask
) -> tuple[Sequence[Record], Sequence[Record]]:
    """A converted lead counts as its contact."""
    if not leads or not any(lead.get("converted_contact") for lead in leads):
        return contacts, leads
    people = {contact.id: contact for contact in contacts}
    still: list[Record] = []
    for lead in leads:
        became = id_of(lead.get("converted_contact"))
        if became is None:
            still.append(lead)
        elif became not in people:
            for contact in ask.find("contact", "id", became):
                people[contact.id] = contact
    return tuple(people.values()), still


def _answered(people: People, answer: Any) -> bool:
    """Narrows the matches to what a person chose: {"role", "id"}, "role:id", the id alone, or "none" for somebody new."""
    if isinstance(answer, Mapping):
        role, id = answer.get("role"), str(answer.get("id", ""))
    else:
        role, _, id = str(answer).rpartition(":")
    if id in (NOBODY, "create") and not role:
        people.contacts, people.accounts, people.leads = (), (), ()
        return True
    for name in PERSONS:
        matches: Sequence[Record] = getattr(people, name + "s")
        for record in matches:
            if record.id == id and role in (None, "", name):
                for other in PERSONS:
                    if other != name and not (name == "contact" and other == "account"):
                        setattr(people, other + "s", ())
                setattr(people, name + "s", (record,))
                people.picked = name
                return True
    return False


def _ask_the_rest(people: People, ask: _Ask, wants: Wants, inbox: bool) -> None:
    """The last round, for every candidate at once: parent accounts, deals of the deal rule, deals that order candidates."""
    deals = wants.deal or "deal" in wants.sources
    read = {account.id for account in people.accounts}
    orphan = not people.contacts
    for contact in people.contacts:
        parent = id_of(contact.get("account"))
        if parent is None:
            orphan = True
            if deals and (not people.accounts or people.picked == "contact"):
                ask.find("deal", "contact", contact.id)
        else:
            if "account" in wants.sources and parent not in read:
                ask.find("account", "id", parent)
            if deals:
                ask.find("deal", "account", parent)
    if wants.tasks:
        for record in people.contacts or people.accounts or people.leads:
            ask.find("task", record.role, record.id)
    if len(people.contacts) > 1:
        for contact in people.contacts:
            ask.has_open_deal(contact)
    if (orphan and deals) or ((orphan or inbox) and len(people.accounts) > 1):
        for account in people.accounts:
            ask.find("deal", "account", account.id)


def _choose(people: People, ask: _Ask, wants: Wants) -> None:
    if people.contacts:
        people.contact = _ordered(people.contacts, ask)[0]
        people.account_id = id_of(people.contact.get("account"))
    if people.account_id is None and people.accounts and people.picked != "contact":
        people.account = _ordered(people.accounts, ask)[0]
        people.account_id = people.account.id
    elif people.account_id is not None:
        same = [account for account in people.accounts if account.id == people.account_id]
        if not same and "account" in wants.sources:
            same = list(ask.find("account", "id", people.account_id))
        people.account = same[0] if same else None
    if people.leads:
        people.lead = _ordered(people.leads, ask)[0]
    if wants.deal or "deal" in wants.sources:
        if people.account_id is not None:
            people.deals = ask.find("deal", "account", people.account_id)
        elif people.contact is not None:
            people.deals = ask.find("deal", "contact", people.contact.id)
    if wants.tasks:
        chosen = (("contact", people.contact), ("account", people.account), ("lead", people.lead))
        people.tasks = _tasks(ask, {role: record.id for role, record in chosen if record is not None})


def _tasks(ask: _Ask, hung: Mapping[str, str]) -> Sequence[Record]:
    """The tasks of a caller who is these records (role → id): their contact's, else their account's that name no contact,
    else their lead's. Those that a person wrote are theirs and left alone: ours carry our key."""
    role = next((role for role in PERSONS if role in hung), None)
    if role is None:
        return ()
    found = ask.find("task", role, hung[role])
    # without "origin" it was not read there: one that we have just made ourselves
    ours = [task for task in found if "origin" not in task.fields or task.get("origin")]
    if role == "account":
        ours = [task for task in ours if id_of(task.get("contact")) is None]
    ours.sort(key=lambda task: (task.ref.is_planned, len(task.id), task.id))
    # a search may show a task as it was before our last change to it; by its id it is as it is
    return [task for one in ours[-MOST_TASKS:] for task in ask.find("task", "id", one.id)]


def _ordered(records: Sequence[Record], ask: _Ask) -> Sequence[Record]:
    """With an open deal first, then by last activity, then by id: always the same."""
    if len(records) == 1:
        return records
    out = sorted(records, key=lambda record: (record.id.startswith(PLANNED), len(record.id), record.id))
    out.sort(key=lambda record: (instant(record.get("last_activity")) or "")[:-1], reverse=True)
    if out[0].role != "lead":  # deals hang on contacts and accounts
        out.sort(key=lambda record: not ask.has_open_deal(record))
    return out


def _question(people: People, call: Call, ask: _Ask) -> Question | None:
    """Several that are not one: an account is the same answer as its contact."""
    parents = {id_of(contact.get("account")) for contact in people.contacts}
    accounts = [account for account in people.accounts if account.id not in parents]
    options: list[Record] = []
    for records in (people.contacts, accounts, people.leads):
        if records:
            options.extend(_ordered(records, ask))
    if len(options) < 2:
        return None
    reason = because(SEVERAL, number=call.person.international, count=len(options))
    return Question(QUESTION, reason, tuple(options), topic=call.person.e164)
