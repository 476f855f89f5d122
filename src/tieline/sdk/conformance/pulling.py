"""What pull() promises: it resumes after any page, may repeat, and never skips, ties at a page's edge included."""

from __future__ import annotations

from tieline.sdk.conformance.promises import SkippedError, must, promise
from tieline.sdk.conformance.records import written
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Page


async def pages_of(subject: Subject, cursor: str | None) -> list[Page]:
    """All pages from a cursor."""
    return [page async for page in subject.connector.pull(subject.object, [subject.clear_field], cursor)]


def ids_of(pages: list[Page]) -> set[str]:
    """Every id on them."""
    return {record.id for page in pages for record in page.records}


@promise("records")
async def pull_resumes_after_any_page(subject: Subject) -> None:
    """Many records of one and the same second: every page's cursor leads to all of the rest."""
    ids = set(await subject.seed(subject.object, [subject.values(f"Tied {n}") for n in range(subject.many)]))
    pages = await pages_of(subject, None)
    must(len(pages) > 2, f"{subject.many} records make {len(pages)} pages")
    must(ids_of(pages) >= ids, f"{len(ids - ids_of(pages))} of {len(ids)} are skipped")
    for at, page in enumerate(pages):
        rest = await pages_of(subject, page.cursor)
        seen = ids_of(pages[: at + 1]) | ids_of(rest)
        must(seen >= ids, f"resumed after page {at + 1}, {len(ids - seen)} are skipped")


@promise("records")
async def pull_goes_on_where_it_ended(subject: Subject) -> None:
    """What is new or changed behind the last cursor comes with the next pull; a pull without news goes nowhere."""
    old = await written(subject, "key-old", "Old")
    cursor = (await pages_of(subject, None))[-1].cursor
    new = await written(subject, "key-new", "New")
    pages = await pages_of(subject, cursor)
    must(new in ids_of(pages), "a new record comes")
    await subject.changed_by(subject.object, old)
    cursor = pages[-1].cursor
    pages = await pages_of(subject, cursor)
    must(old in ids_of(pages), "a changed record comes")
    for _ in range(5):
        cursor = (await pages_of(subject, cursor))[-1].cursor
    newest = await written(subject, "key-newest", "Newest")
    must(newest in ids_of(await pages_of(subject, cursor)), "after empty pulls too")


@promise("records", lambda manifest: bool(manifest.capabilities.deletes_reported))
async def what_was_deleted_is_reported(subject: Subject) -> None:
    """Ids that went since the cursor."""
    roles = [role for role, mapped in subject.manifest.roles.items() if mapped.object == subject.object]
    if not any(subject.manifest.reports_deletes(role) for role in roles):
        raise SkippedError(f"the manifest does not say so of {subject.object}")
    id = await written(subject, "key-del", "To be deleted")
    cursor = (await pages_of(subject, None))[-1].cursor
    await subject.delete(subject.object, id)
    pages = await pages_of(subject, cursor)
    must(id in {gone for page in pages for gone in page.deleted}, "a deleted record is reported")
