"""What push() promises of records that belong together: links by id, attachments, and pushes of everything at once."""

from __future__ import annotations

from tieline.sdk.conformance.deleting import delete
from tieline.sdk.conformance.promises import SkippedError, must, promise
from tieline.sdk.conformance.records import create, written
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Gone, Link, Outcome, PushOperation, Rejected, Unknown, Written
from tieline.sdk.manifest import Manifest

CONTENT = b"RIFF\x00\x01 not quite a sound"


def _attaches(manifest: Manifest) -> bool:
    return manifest.capabilities.attachments


def _finds_attached(manifest: Manifest) -> bool:
    return manifest.capabilities.attachments and manifest.capabilities.attach_keys


def attach(subject: Subject, key: str, id: str, **values: object) -> PushOperation:
    """A file on a record."""
    return PushOperation(key, "attach", subject.object, {"name": "Sound.wav", **values}, Link(subject.object, id))


def _links(manifest: Manifest) -> bool:
    return any(mapped.links for mapped in manifest.roles.values())


async def parent(subject: Subject, key: str, name: str) -> Link:
    """A new record that a child may link to."""
    if subject.parent is None:
        return Link(subject.object, await written(subject, key, name))
    operation = subject.parent(key, name)
    (outcome,) = await subject.connector.push([operation])
    must(isinstance(outcome, Written), f"a valid parent is {outcome}")
    return Link(operation.object, outcome.id)


@promise("records", _links)
async def a_link_leads_to_the_record_of_its_id(subject: Subject) -> None:
    """Written by id, read as that id, and moved to another record, or that is refused and it stays. Where the vendor looks, a
    link that leads nowhere is refused."""
    if subject.child is None:
        raise SkippedError("no child object is named")
    one, other = await parent(subject, "key-l1", "Linked one"), await parent(subject, "key-l2", "Linked other")
    made = subject.child("key-l3", one)
    field = next(name for name, value in made.values.items() if isinstance(value, Link))
    outcome = (await subject.connector.push([made]))[0]
    must(isinstance(outcome, Written), f"a record with a link is {outcome}")

    async def leads() -> object:
        (found,) = await subject.connector.fetch(made.object, [outcome.id], [field])
        return found.fields[field]

    must(await leads() == one.id, f"{field} is {await leads()!r}, not {one.id!r}")
    target = Link(made.object, outcome.id)
    moved = (await subject.connector.push([PushOperation("key-l4", "update", made.object, {field: other}, target)]))[0]
    must(isinstance(moved, (Written, Rejected)), f"moved it is {moved}")
    where = other if isinstance(moved, Written) else one
    must(await leads() == where.id, f"{moved}, but {field} is {await leads()!r}")
    if not subject.checks_links:
        return
    nowhere = await parent(subject, "key-l5", "Linked to nobody")
    await subject.delete(nowhere.object, nowhere.id)
    lost = (await subject.connector.push([subject.child("key-l6", nowhere)]))[0]
    must(isinstance(lost, (Rejected, Gone)), f"with a link to what is not there it is {lost}")


@promise("records", _attaches)
async def a_file_hangs_on_its_record(subject: Subject) -> None:
    """With its content, or as an address; on a record that is gone it is refused."""
    one, other = await written(subject, "key-f1", "With a file"), await written(subject, "key-f2", "Without")
    outcomes = await subject.connector.push(
        [attach(subject, "key-f3", one, content=CONTENT), attach(subject, "key-f4", one, url="https://files.example/1")]
    )
    must(all(isinstance(each, Written) for each in outcomes), f"both are {outcomes}")
    must(len({each.id for each in outcomes}) == 2, "each has its own id")
    must(await _files(subject, one) == 2 and await _files(subject, other) == 0, "they hang where they belong")
    await subject.delete(subject.object, other)
    lost = (await subject.connector.push([attach(subject, "key-f5", other, content=CONTENT)]))[0]
    must(isinstance(lost, (Rejected, Gone)), f"on a record that is gone it is {lost}")


@promise("records", _finds_attached)
async def a_file_with_the_same_key_is_attached_once(subject: Subject) -> None:
    """Again, and after an answer that nobody saw; another key is another file."""
    one, other = await written(subject, "key-a1", "Once"), await written(subject, "key-a2", "Another")
    first = attach(subject, "key-a3", one, content=CONTENT)
    (made,) = await subject.connector.push([first])
    (again,) = await subject.connector.push([first])
    must(isinstance(made, Written) and not made.existed, f"the first is {made}")
    must(isinstance(again, Written) and again.existed and again.id == made.id, f"again it is {again}")
    more = [attach(subject, "key-a4", one, content=CONTENT), attach(subject, "key-a6", other, content=CONTENT)]
    for outcome in await subject.connector.push(more):
        must(isinstance(outcome, Written) and not outcome.existed, f"another is {outcome}")
    must((await _files(subject, one), await _files(subject, other)) == (2, 1), "each is there once")
    if not subject.attach_path:
        return
    lost = attach(subject, "key-a5", one, content=CONTENT)
    subject.fault(kind="drop", when="after", method="POST", path=subject.attach_path)
    (unseen,) = await subject.connector.push([lost])
    subject.calm()
    must(isinstance(unseen, Unknown), f"with a lost answer it is {unseen}")
    (found,) = await subject.connector.push([lost])
    must(isinstance(found, Written) and found.existed, f"after a lost answer it is {found}")
    must(await _files(subject, one) == 3, "and it is there once")


@promise("records")
async def everything_may_come_in_one_push(subject: Subject) -> None:
    """Creations, changes, files and deletions of several objects: an outcome for each, in their order; what is refused, or gone,
    spoils nothing beside it."""
    changed, gone, ended, held = [
        await written(subject, f"key-e{number}", name)
        for number, name in enumerate(("Before", "Gone before", "Ended", "Held"))
    ]
    await subject.delete(subject.object, gone)
    can = subject.manifest.capabilities
    said = subject.values("After")
    wanted: list[tuple[PushOperation, type[Outcome]]] = [
        (create(subject, "key-e10", "New one"), Written),
        (PushOperation("key-e11", "update", subject.object, said, Link(subject.object, changed)), Written),
        (PushOperation("key-e12", "create", subject.object, dict(subject.bad_values)), Rejected),
        (PushOperation("key-e13", "update", subject.object, said, Link(subject.object, gone)), Gone),
        (create(subject, "key-e14", "New two"), Written),
    ]
    if subject.child is not None:
        wanted.insert(1, (subject.child("key-e15", await parent(subject, "key-e17", "Parent")), Written))
    if can.attachments:
        wanted.insert(2, (attach(subject, "key-e16", held, content=CONTENT), Written))
    if can.deletes:
        wanted.insert(3, (delete(subject, ended), Written))
    outcomes = await subject.connector.push([operation for operation, _ in wanted])
    must([type(one) for one in outcomes] == [kind for _, kind in wanted], f"outcomes are {outcomes}")
    by_key = {operation.key: one for (operation, _), one in zip(wanted, outcomes, strict=True)}
    must(by_key["key-e11"].id == changed, "the change is of its record")
    rows = {str(row["id"]): subject.stored_name(row) for row in await subject.records(subject.object)}
    must(rows[by_key["key-e10"].id] == "New one" and rows[by_key["key-e14"].id] == "New two", "both new ones are there")
    must(rows[changed] == "After" and rows[held] == "Held", "what was changed is, and nothing else")
    must((ended in rows) != bool(can.deletes), "what was deleted is gone")
    if can.attachments:
        must(await _files(subject, held) == 1, "the file is on its record")


async def _files(subject: Subject, id: str) -> int:
    return len(await subject.files(subject.object, id))
