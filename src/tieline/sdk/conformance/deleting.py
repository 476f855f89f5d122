"""What push() promises of "delete": what an undo of what Tieline created rests on."""

from __future__ import annotations

from tieline.sdk.conformance.promises import SkippedError, must, promise
from tieline.sdk.conformance.records import create, written
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Gone, Link, PushOperation, Stale, Written
from tieline.sdk.manifest import Manifest


def _deletes(manifest: Manifest) -> bool:
    return bool(manifest.capabilities.deletes)


def delete(subject: Subject, id: str, version: str | None = None) -> PushOperation:
    """The deletion of one record."""
    return PushOperation(f"key-delete-{id}", "delete", subject.object, {}, Link(subject.object, id), version)


@promise("records", _deletes)
async def a_delete_takes_just_that_record(subject: Subject) -> None:
    """It is gone, its neighbour is not; deleted again it is Gone, which is fine."""
    one, other = await written(subject, "key-d1", "Deleted"), await written(subject, "key-d2", "Kept")
    outcome = (await subject.connector.push([delete(subject, one)]))[0]
    must(isinstance(outcome, Written) and outcome.id == one, f"a delete is {outcome}")
    there = [found.id for found in await subject.connector.fetch(subject.object, [one, other], [])]
    must(there == [other], f"there are {there}")
    again = (await subject.connector.push([delete(subject, one)]))[0]
    must(isinstance(again, Gone), f"deleted again it is {again}")
    must(not await subject.named("Deleted") and len(await subject.named("Kept")) == 1, "only the named one is gone")


@promise("records", _deletes)
async def a_delete_with_an_old_version_is_stale(subject: Subject) -> None:
    """What somebody changed since is not deleted; with the version that it has now it is."""
    if not subject.compares_versions:
        raise SkippedError("no versions to compare there")
    id = await written(subject, "key-d3", "Deleted later")
    old = (await subject.connector.fetch(subject.object, [id], []))[0].version
    await subject.changed_by(subject.object, id)
    outcome = (await subject.connector.push([delete(subject, id, old)]))[0]
    must(isinstance(outcome, Stale), f"with an old version it is {outcome}")
    there = await subject.connector.fetch(subject.object, [id], [])
    must(len(there) == 1, "and it is still there")
    outcome = (await subject.connector.push([delete(subject, id, there[0].version)]))[0]
    must(isinstance(outcome, Written), f"with the new version it is {outcome}")
    must(await subject.connector.fetch(subject.object, [id], []) == [], "and it is gone")


@promise("records", _deletes)
async def many_are_deleted_each_with_its_outcome(subject: Subject) -> None:
    """More than a batch, one of them not there: the others are deleted all the same."""
    count = subject.manifest.capabilities.write_batch + 2
    made = await subject.connector.push([create(subject, f"key-dm-{n}", f"Deleted {n}") for n in range(count)])
    ids = [one.id for one in made if isinstance(one, Written)]
    must(len(ids) == count, "all are written")
    await subject.delete(subject.object, ids[1])
    outcomes = await subject.connector.push([delete(subject, id) for id in ids])
    wrong = [one for at, one in enumerate(outcomes) if not isinstance(one, Gone if at == 1 else Written)]
    must(not wrong, f"outcomes that are wrong: {wrong[:3]}")
    must(await subject.connector.fetch(subject.object, ids, []) == [], "none is left")
