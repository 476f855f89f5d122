"""Canonical fields: one name for one thing, in every connector; the page about them is written from them."""

from __future__ import annotations

import pytest

from tieline.core.fields import FIELDS, LINK, ROLES, SHAPES
from tieline.flows.calls import FLOW
from tieline.flows.calls.explain import WHOLE
from tieline.sdk.manifest import connectors
from tools import docs

MANIFESTS = [pytest.param(one, id=name) for name, one in connectors().items() if one.roles]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_connector_maps_canonical_fields_alone_and_links_lead_where_they_say(manifest: object) -> None:
    for role, mapped in manifest.roles.items():  # type: ignore[attr-defined]
        assert role in FIELDS
        unknown = mapped.fields.keys() - FIELDS[role].keys()
        assert not unknown, f"core/fields.py says what a field of {role} is called, or is told of a new one: {unknown}"
        links = {name: FIELDS[role][name].value for name in mapped.fields if FIELDS[role][name].value.startswith(LINK)}
        assert {name: LINK + to for name, to in mapped.links.items()} == links


def test_every_field_is_of_use_and_said_in_full() -> None:
    shapes = SHAPES.keys() | {LINK + role for role in ROLES}
    assert FIELDS.keys() == ROLES.keys()
    for role, named in FIELDS.items():
        mapped = {name for one in connectors().values() if role in one.roles for name in one.roles[role].fields}
        used = {*mapped, *FLOW.reads().get(role, ()), *WHOLE.roles.get(role, ())}
        assert named.keys() <= used, f"nobody has them: {named.keys() - used}"
        assert {field.value for field in named.values()} <= shapes
        assert all(field.about and "|" not in field.about for field in named.values())


def test_what_flows_read_and_write_is_canonical() -> None:
    for role, names in (*FLOW.reads().items(), *WHOLE.roles.items()):
        assert set(names) - {"origin"} <= FIELDS[role].keys()  # our key: the manifest's `origin`


def test_the_page_is_as_it_is_written() -> None:
    assert (docs.DOCS / "reference" / "canonical-fields.md").read_text() == docs.fields(), "run `make docs`"
