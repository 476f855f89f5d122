"""What count() promises: about what a pull from the beginning brings, by one request."""

from __future__ import annotations

from tieline.core.errors import TielineError
from tieline.sdk.conformance.faults import no_faults_no_try, tried
from tieline.sdk.conformance.promises import SkippedError, must, promise
from tieline.sdk.conformance.pulling import ids_of, pages_of
from tieline.sdk.conformance.subject import Subject


@promise("counts")
async def count_is_what_a_pull_brings(subject: Subject) -> None:
    """More than fill a page are counted as pulled, new ones are counted too, deleted ones no more."""
    rows = [subject.values(f"Counted {n}") for n in range(subject.many)]
    ids = await subject.seed(subject.object, rows)
    pulled = len(ids_of(await pages_of(subject, None)))
    counted = await subject.connector.count(subject.object)
    must(counted == pulled, f"{counted} are counted and {pulled} pulled")
    await subject.seed(subject.object, [subject.values("One more")])
    await subject.delete(subject.object, ids[0])
    await subject.delete(subject.object, ids[1])
    again = await subject.connector.count(subject.object)
    must(again == counted - 1, f"with one more and two deleted, {counted} became {again}")


@promise("counts")
async def count_costs_one_request(subject: Subject) -> None:
    """However many there are."""
    if subject.side is None:
        raise SkippedError("no requests can be counted here")
    await subject.seed(subject.object, [subject.values(f"Counted {n}") for n in range(subject.many)])
    await subject.connector.check()  # some log in
    subject.side.forget_counts()
    await subject.connector.count(subject.object)
    must(subject.counted() == 1, f"it took {subject.counted()} requests")


@promise("counts")
async def what_cannot_be_counted_is_an_error(subject: Subject) -> None:
    """An answer that is no number is never taken for one: nought would say that there is nothing to do.
    (Half of a bare number is a number: that one nobody can tell.)"""
    no_faults_no_try(subject)
    for kind in ("html", "error_in_200"):
        subject.fault(kind=kind, times=None)
        counted = await tried(subject.connector.count(subject.object))
        subject.calm()
        must(isinstance(counted, TielineError), f"{kind}: counted {counted}")
