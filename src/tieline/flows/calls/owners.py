"""Whose record it becomes (CALL-8), with the reason; absent or inactive: the default user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.core.plan import Known
from tieline.core.reasons import Reason, because
from tieline.core.record import Record
from tieline.flows.calls import reasons as why
from tieline.flows.calls.call import Call
from tieline.flows.calls.people import People, id_of
from tieline.flows.calls.settings import Owner, Pick, Settings
from tieline.flows.calls.target import CLOSED

Chosen = tuple[str | None, Reason]
"""User id (None: nobody can be named, the CRM decides) and why."""


def in_cycles(sources: Mapping[str, str]) -> frozenset[str]:
    """The roles whose owner is never chosen, when each role asks another new one (role → owner source) and it comes round
    to itself."""
    stuck: set[str] = set()
    for start in sources:
        seen: list[str] = []
        role = start
        while role in sources and role not in seen:
            seen.append(role)
            role = sources[role]
        if role in seen:
            stuck.update(seen[seen.index(role) :])
    return frozenset(stuck)


class Owners:
    """The owners of one call's records. `made` are the roles that this call creates or has created."""

    def __init__(self, call: Call, known: Known, settings: Settings, people: People, made: Mapping[str, Owner]) -> None:
        self._call = call
        self._known = known
        self._settings = settings
        self._people = people
        self._made = made
        self._chosen: dict[str, Chosen] = {}

    def of(self, source: Owner) -> Chosen:
        """The user for an owner source."""
        kind = source.kind
        if kind == "manager":
            return self._manager()
        if kind == "default":
            return self._default(why.OWNER_DEFAULT)
        if kind == "user":
            if source.user is None:
                return self._default(why.OWNER_DEFAULT)
            return self._active(
                source.user.id, source.user.label, because(why.OWNER_USER, user=self._name(source.user))
            )
        return self._of_record(kind)

    def of_role(self, role: str) -> Chosen:
        """The owner of a record of this role that this call makes."""
        chosen = self._chosen.get(role)
        if chosen is None:
            chosen = self._chosen[role] = self.of(self._made[role])
        return chosen

    def _of_record(self, role: str) -> Chosen:
        own = self._known.own.get(role)
        if own is not None:
            user = id_of(own.values.get("owner"))
            if user is not None:
                return self._active(user, "", because(why.OWNER_SAME_CALL, role=role, user=self._label(user)))
        if role in self._made:
            user, _ = self.of_role(role)
            if user is not None:
                return user, because(why.OWNER_SAME_CALL, role=role, user=self._label(user))
        record = self._record(role)
        user = id_of(record.get("owner")) if record is not None else None
        if record is None or user is None:
            return self._default(why.OWNER_ABSENT, role=role)
        reason = because(why.OWNER_RECORD, role=role, name=str(record.get("name") or record.id), user=self._label(user))
        return self._active(user, "", reason)

    def _record(self, role: str) -> Record | None:
        people = self._people
        if role == "deal":
            return found_deal(people)
        record: Record | None = getattr(people, role)
        return record

    def _manager(self) -> Chosen:
        call = self._call
        if call.line is not None and call.line.manager is not None:
            manager = call.line.manager
            reason = because(why.OWNER_MANAGER, line=line_name(call), user=self._name(manager))
            return self._active(manager.id, manager.label, reason)
        if call.line is not None:
            return self._default(why.OWNER_NO_MANAGER, line=line_name(call))
        if call.line_raw:
            return self._default(why.OWNER_UNKNOWN_LINE, line=line_name(call))
        return self._default(why.OWNER_NO_LINE)

    def _active(self, user: str, label: str, reason: Reason) -> Chosen:
        users = self._known.users
        found = users.get(user)
        if (found is not None and found.active) or not users:
            return user, reason
        return self._default(why.OWNER_INACTIVE, who=label or self._label(user))

    def _default(self, code: str, **params: Any) -> Chosen:
        default = self._settings.default_user
        if default is None:
            return None, because(why.OWNER_NOBODY)
        users = self._known.users
        if users and ((found := users.get(default.id)) is None or not found.active):
            return None, because(why.OWNER_NOBODY)
        return default.id, because(code, user=self._name(default), **params)

    def _name(self, pick: Pick) -> str:
        return pick.label or self._label(pick.id)

    def _label(self, user: str) -> str:
        found = self._known.users.get(user)
        return found.name if found is not None else user


def found_deal(people: People) -> Record | None:
    """The deal that speaks for the caller: an open one before a closed one, the youngest, then by id."""
    deals = sorted(people.deals, key=lambda deal: (len(deal.id), deal.id))
    deals.sort(key=lambda deal: str(deal.get("created_at") or ""), reverse=True)
    deals.sort(key=lambda deal: deal.get("stage_kind") in CLOSED)
    return deals[0] if deals else None


def line_name(call: Call) -> str:
    """What people call the line: its label, else the number."""
    return (call.line.label if call.line is not None else "") or call.line_phone.international
