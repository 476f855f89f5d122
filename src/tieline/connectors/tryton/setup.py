"""What a connection needs to know of its Tryton before it writes: asked once, kept in the client's memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tieline.connectors.tryton.shapes import SHAPES, Names
from tieline.connectors.tryton.wire import RefusedRowsError, Wire
from tieline.core.errors import ConfigError
from tieline.sdk.http import Client

CATEGORY, RELATION_TYPE = "party.category", "party.relation.type"
REVERSE = "Employs"
"""The other end of the relation, so that an organisation's page in Tryton lists its persons."""


class Setup:
    """Company, the category of persons, the relation to their organisation, types of fields."""

    def __init__(self, wire: Wire, client: Client) -> None:
        self._wire = wire
        self._kept: dict[str, Any] = client.memory.setdefault("tryton", {})
        self.names = Names(
            client.fields.get("person_category") or "Person", client.fields.get("relation") or "Employee of"
        )

    async def preferences(self) -> dict[str, Any]:
        """The key's user: company, employee, groups, whether administrator."""
        said = await self._wire.call("res.user", "get_preferences", {"context_only": True}, read=True)
        preferences: dict[str, Any] = said if isinstance(said, dict) else {}
        if isinstance(preferences.get("company"), int):
            self._kept["company"] = preferences["company"]
        return preferences

    async def company(self) -> int:
        """The user's company, without which no opportunity can be made."""
        if "company" not in self._kept:
            await self.preferences()
        if "company" not in self._kept:
            raise ConfigError("the key's user works in no company", setting="company")
        return int(self._kept["company"])

    async def fields(self, model: str) -> dict[str, dict[str, Any]]:
        """Tryton's own description of a model's fields."""
        key = f"fields {model}"
        if key not in self._kept:
            self._kept[key] = await self._wire.call(model, "fields_get", {}, read=True)
        fields: dict[str, dict[str, Any]] = self._kept[key]
        return fields

    async def types(self, object: str, values: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Field → Tryton's type. Asked for only when values have other names than the usual ones."""
        usual = {"name": "char", "comment": "text", "reference": "char", "description": "char"}
        usual |= {"amount": "numeric", "start_date": "date", "end_date": "date"}
        known = {field.name for field in SHAPES[object].fields}
        if all(name in known for row in values for name in row):
            return usual
        return {name: field["type"] for name, field in (await self.fields(SHAPES[object].model)).items()}

    async def person_category(self) -> int:
        """Id of the category that marks a party as a person; made where it is missing."""
        return await self._named("category", CATEGORY, self.names.person_category, [["parent", "=", None]])

    async def relation(self) -> int:
        """Id of the relation's type; made, with its reverse, where it is missing. ConfigError without the module."""
        try:
            return await self._named("relation", RELATION_TYPE, self.names.relation, [], REVERSE)
        except ConfigError as error:
            if error.params.get("setting") != RELATION_TYPE:
                raise
            told = "the module party_relationship is not active"
            raise ConfigError(told, setting="party_relationship") from None

    async def _named(self, key: str, model: str, name: str, further: list[Any], reverse: str = "") -> int:
        if key not in self._kept:
            domain = [["name", "=", name], *further]
            found = await self._wire.search_read(model, domain, ["name"], order=[["id", "ASC"]], limit=1)
            if not found:
                try:
                    made = (await self._wire.create(model, [{"name": name}]))[0]
                except RefusedRowsError:  # somebody else made it meanwhile: names are unique
                    found = await self._wire.search_read(model, domain, ["name"], limit=1)
                    if not found:
                        raise
                else:
                    found = [{"id": made}]
                    if reverse:
                        other = (await self._wire.create(model, [{"name": reverse, "reverse": made}]))[0]
                        await self._wire.write(model, made, {"reverse": other})
            self._kept[key] = int(found[0]["id"])
        return int(self._kept[key])
