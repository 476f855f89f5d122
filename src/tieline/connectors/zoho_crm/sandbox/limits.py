"""Credits per rolling day, calls at once per organisation, and which scopes a call needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tieline.sdk.sandbox import Request

DAY = 24 * 3600
_VERBS = {"GET": "READ", "POST": "CREATE", "PUT": "UPDATE", "PATCH": "UPDATE", "DELETE": "DELETE"}


@dataclass(slots=True)
class Behaviour:
    """What may be set from outside by the control route ``behaviour``. The defaults are an Enterprise organisation's.

    credits: per rolling 24 h; concurrency and sub_concurrency (heavy calls): at once, 0 = no limit; token_life, code_life: seconds;
    invalid_token_code: which of the three documented names a bad token gets; unknown_id: 204 or 400 for a record that is not there;
    honour_if_unmodified_since: whether a write with that header gives 412 (the published description has the answer, not the header).
    """

    credits: int = 55000
    concurrency: int = 20
    sub_concurrency: int = 10
    tokens_per_10_min: int = 10
    codes_per_10_min: int = 10
    token_life: int = 3600
    code_life: int = 180
    invalid_token_code: str = "INVALID_TOKEN"
    unknown_id: int = 204
    honour_if_unmodified_since: bool = False

    def change(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Set what is asked for; raises ValueError for unknown names or kinds; returns all."""
        for name, value in asked.items():
            if name not in type(self).__slots__ or type(value) is not type(getattr(self, name)):
                raise ValueError(f"no such behaviour: {name} = {value!r}")
            setattr(self, name, value)
        return asdict(self)


class Meter:
    """Credits used in the last 24 hours, and calls under way."""

    def __init__(self, behaviour: Behaviour, now: Callable[[], float]) -> None:
        self.behaviour = behaviour
        self._now = now
        self.forget()

    def forget(self) -> None:
        """A new day."""
        self._spent: deque[list[float]] = deque()
        self.used = 0
        self.total = 0
        self.units = 0
        self.heavy = 0
        self.refused = 0

    def exhausted(self) -> bool:
        """Whether the day's credits are used up; asked before a call takes effect."""
        now = self._now()
        while self._spent and self._spent[0][0] <= now - DAY:
            self.used -= int(self._spent.popleft()[1])
        if self.used < self.behaviour.credits:
            return False
        self.refused += 1
        return True

    def spend(self, cost: int) -> None:
        """Take the credits of a call that took effect."""
        now = self._now()
        self.used += cost
        self.total += cost
        if self._spent and now - self._spent[-1][0] < 60:
            self._spent[-1][1] += cost
        else:
            self._spent.append([now, cost])

    def headers(self) -> list[tuple[str, str]]:
        """The rest of the day's credits, told only from the half on."""
        if self.used * 2 < self.behaviour.credits:
            return []
        return [("X-API-CREDITS-REMAINING", str(max(0, self.behaviour.credits - self.used)))]

    def enter(self, request: Request) -> bool:
        """A call begins; False when too many are under way."""
        units, heavy = weight(request)
        limits = self.behaviour
        if (limits.concurrency and self.units + units > max(limits.concurrency, units)) or (
            limits.sub_concurrency and heavy and self.heavy + 1 > limits.sub_concurrency
        ):
            self.refused += 1
            return False
        self.units += units
        self.heavy += heavy
        return True

    def leave(self, request: Request) -> None:
        """A call has been answered."""
        units, heavy = weight(request)
        self.units -= units
        self.heavy -= heavy


def weight(request: Request) -> tuple[int, bool]:
    """How many of the calls at once a request takes, and whether it is a heavy one."""
    path = request.path
    if path.endswith("/__composite_requests"):
        return 5, False
    if path.endswith(("/coql", "/actions/convert")):
        return 1, True
    return 1, request.method in ("POST", "PUT") and _items(request) > 10


def write_credits(items: int) -> int:
    """One credit for ten records."""
    return max(1, -(-items // 10))


def coql_credits(limit: int) -> int:
    """By the query's limit."""
    return 1 if limit <= 200 else 2 if limit <= 1000 else 3


def _items(request: Request) -> int:
    if len(request.body) < 200:
        return 1
    try:
        data = request.json()["data"]
    except (ValueError, KeyError, TypeError):
        return 1
    return len(data) if isinstance(data, list) else 1


def allowed(scopes: frozenset[str], method: str, parts: list[str]) -> bool:
    """Whether the scopes cover ``method /crm/v8/<parts>`` (the module's read right for COQL is asked apart)."""
    verb = _VERBS.get(method, "READ")
    head = parts[0] if parts else ""
    if head == "settings":
        area = {"pipeline": "pipeline"}.get(parts[1], parts[1]) if len(parts) > 1 else ""
        if area == "layouts" and len(parts) > 3:
            area = "map_dependency"
        return _one(scopes, "ZohoCRM.settings", verb) or _one(scopes, f"ZohoCRM.settings.{area}", verb)
    if head in ("users", "org"):
        return _one(scopes, f"ZohoCRM.{head}", verb)
    if head == "coql":
        return "ZohoCRM.coql.READ" in scopes
    if head == "__composite_requests":
        return "ZohoCRM.composite_requests.CUSTOM" in scopes
    if parts[-2:] == ["actions", "change_owner"]:
        return "ZohoCRM.change_owner.CREATE" in scopes
    module = parts[2] if len(parts) > 2 and parts[2] in ("Notes", "Attachments") else head
    verbs = ("CREATE", "UPDATE") if len(parts) > 1 and parts[1] == "upsert" else (verb,)
    return all(reads(scopes, module, one) for one in verbs)


def reads(scopes: frozenset[str], module: str, verb: str = "READ") -> bool:
    """Whether the scopes give a verb on a module; modules are written in any case."""
    return _one(scopes, "ZohoCRM.modules", verb) or _one(scopes, f"ZohoCRM.modules.{module}", verb)


def _one(scopes: frozenset[str], stem: str, verb: str) -> bool:
    if f"{stem}.{verb}" in scopes or f"{stem}.ALL" in scopes:
        return True
    wanted = (f"{stem}.{verb}".casefold(), f"{stem}.ALL".casefold())
    return any(scope.casefold() in wanted for scope in scopes)
