"""What flows must know of a target: the manifest's roles, as far as the CRM really has their objects and fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tieline.core.flow import Place, Target
from tieline.sdk.contract import ObjectSchema, VendorUser
from tieline.sdk.manifest import Manifest, Role


def target(manifest: Manifest, schemas: Sequence[ObjectSchema], users: Sequence[VendorUser] = ()) -> Target:
    """What this CRM can hold: the manifest's roles as far as `schemas` (its describe()) really has their object and fields.

    roles: canonical fields that can be written. required: role → layout id ("" without layouts) → canonical name where the
    field is mapped, else the vendor's. choices: owners, layouts, and every closed list, as (id, label); choices and types
    also of the vendor's own fields, as "=Industry". readable: every field with its type, those that nobody can write too.
    """
    by_object = {schema.name: schema for schema in schemas}
    roles: dict[str, frozenset[str]] = {}
    required: dict[str, Mapping[str, tuple[str, ...]]] = {}
    choices: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    types: dict[tuple[str, str], str] = {}
    lengths: dict[tuple[str, str], int] = {}
    readable: dict[tuple[str, str], str] = {}
    places: list[Place] = []
    people = tuple((user.id, user.name) for user in users if user.active)
    for role, mapped in manifest.roles.items():
        schema = by_object.get(mapped.object)
        if schema is None:
            continue
        known = {field.name: field for field in schema.fields}
        fields = {name: field for name, field in known.items() if not field.read_only}
        first = {name: vendors[0] for name, vendors in mapped.fields.items() if vendors}
        writable = {name: fields[vendor] for name, vendor in first.items() if vendor in fields}
        roles[role] = frozenset(writable)
        readable |= {(role, name): known[vendor].type for name, vendor in first.items() if vendor in known}
        readable |= {(role, f"={name}"): field.type for name, field in known.items()}
        required[role] = _required(mapped, schema)
        own = {f"={name}": field for name, field in fields.items()}
        for name, field in (*writable.items(), *own.items()):
            types[role, name] = field.type
            if field.length is not None:
                lengths[role, name] = field.length
            if field.choices:
                choices[role, name] = field.choices
            elif field.type == "user" and people:
                choices[role, name] = people
        if schema.layouts:
            choices[role, "layout"] = tuple((layout.id, layout.label) for layout in schema.layouts)
        if role == "deal":
            places.extend(
                Place(layout.id, pipeline, stage[0])
                for layout in schema.layouts
                for pipeline, _, stages in layout.pipelines
                for stage in stages
            )
    limits = {"call_needs_parent": manifest.capabilities.call_needs_parent, **manifest.capabilities.limits}
    return Target(
        roles=roles,
        required=required,
        places=tuple(places),
        choices=choices,
        limits=limits,
        types=types,
        lengths=lengths,
        deletes=frozenset(manifest.capabilities.deletes),
        readable=readable,
    )


def _required(mapped: Role, schema: ObjectSchema) -> Mapping[str, tuple[str, ...]]:
    canonical = {vendors[0]: name for name, vendors in mapped.fields.items() if vendors}
    always = [field.name for field in schema.fields if field.required and not field.read_only]
    layouts = {layout.id: layout.required for layout in schema.layouts} or {"": ()}
    return {
        layout: tuple(dict.fromkeys(canonical.get(name, name) for name in (*always, *names)))
        for layout, names in layouts.items()
    }
