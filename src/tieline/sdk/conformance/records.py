"""What Records promises when nothing goes wrong."""

from __future__ import annotations

from typing import Any

from tieline.sdk.conformance.promises import SkippedError, must, promise
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Gone, Link, NotSent, PushOperation, Rejected, Stale, Written


def create(subject: Subject, key: str, name: str, **more: Any) -> PushOperation:
    """The creation of a valid record."""
    return PushOperation(key, "create", subject.object, {**subject.values(name), **more})


async def written(subject: Subject, key: str, name: str) -> str:
    """A new record's id."""
    outcome = (await subject.connector.push([create(subject, key, name)]))[0]
    must(isinstance(outcome, Written), f"a valid record is {outcome}")
    return str(outcome.id)


@promise("records")
async def check_says_who_we_are(subject: Subject) -> None:
    """Account id and name, by reading only."""
    before = len(await subject.records(subject.object))
    identity = await subject.connector.check()
    must(bool(identity.account_id and identity.name), "check() gives an account's id and name")
    must(len(await subject.records(subject.object)) == before, "check() writes nothing")


@promise("records")
async def every_mapped_field_is_described(subject: Subject) -> None:
    """describe() knows every object of the roles, and under the same names every field that they map."""
    objects = {mapped.object for mapped in subject.manifest.roles.values()}
    described = {
        schema.name: {field.name for field in schema.fields}
        for schema in await subject.connector.describe(sorted(objects))
    }
    must(objects <= described.keys(), f"described are {sorted(described)}")
    for role, mapped in subject.manifest.roles.items():
        lacking = {name for names in mapped.fields.values() for name in names} - described[mapped.object]
        must(not lacking, f"{role}: the manifest maps {sorted(lacking)}, which describe() does not know")


@promise("records", lambda manifest: manifest.capabilities.owners)
async def users_are_people_with_ids(subject: Subject) -> None:
    """Everybody who could own a record."""
    users = await subject.connector.users()
    must(bool(users) and all(user.id and user.name for user in users), "users have ids and names")
    must(len({user.id for user in users}) == len(users), "each user once")
    must(any(user.active for user in users), "somebody is active")


@promise("records", lambda manifest: manifest.capabilities.origin != "none")
async def room_for_the_origin_key_is_made_once(subject: Subject) -> None:
    """prepare() may be called again; a record is found by its key."""
    made = await subject.connector.prepare([subject.object])
    must(bool(made.get(subject.object)), "prepare() names the field")
    must(await subject.connector.prepare([subject.object]) == made, "prepare() twice is prepare() once")
    id = await written(subject, "key-find", "Findable")
    found = await subject.connector.find(subject.object, [made[subject.object]], ["key-find", "key-none"], [])
    must([(one.id, one.fields[made[subject.object]]) for one in found] == [(id, "key-find")], "found by its origin key")


@promise("records", lambda manifest: manifest.capabilities.origin == "unique")
async def origin_key_twice_is_one_record(subject: Subject) -> None:
    """The vendor refuses the second, and the connector says which is there."""
    first = await written(subject, "key-twice", "Twice")
    second = (await subject.connector.push([create(subject, "key-twice", "Twice")]))[0]
    must(isinstance(second, Written) and second.id == first and second.existed, f"the second is {second}")
    both = await subject.connector.push([create(subject, "key-twice", "Twice"), create(subject, "key-other", "Other")])
    must(
        [type(one) for one in both] == [Written, Written] and both[0].existed and not both[1].existed, f"of two: {both}"
    )
    must(len(await subject.named("Twice")) == 1, "there is one record")


@promise("records", lambda manifest: manifest.capabilities.write_batch > 1)
async def one_bad_of_three_is_refused_alone(subject: Subject) -> None:
    """Outcomes in order; the bad one names its field."""
    bad = PushOperation("key-bad", "create", subject.object, dict(subject.bad_values))
    outcomes = await subject.connector.push(
        [create(subject, "key-a", "Good one"), bad, create(subject, "key-b", "Good two")]
    )
    must([type(one) for one in outcomes] == [Written, Rejected, Written], f"outcomes are {outcomes}")
    must(outcomes[1].field == subject.bad_field and bool(outcomes[1].code), f"refused is {outcomes[1]}")
    must(len(await subject.named("Good one")) == len(await subject.named("Good two")) == 1, "both good ones are there")


@promise("records")
async def clearing_is_not_leaving_alone(subject: Subject) -> None:
    """None clears a field; a field that is not named stays as it is."""
    id = await written(subject, "key-clear", "Clear")
    field, target = subject.clear_field, Link(subject.object, id)
    before = (await subject.connector.fetch(subject.object, [id], [field]))[0].fields[field]
    must(before is not None, f"{field} is set at first")
    name = {key: value for key, value in subject.values("Renamed").items() if value == "Renamed"}
    outcome = (await subject.connector.push([PushOperation("key-c1", "update", subject.object, name, target)]))[0]
    must(isinstance(outcome, Written) and outcome.id == id, f"an update is {outcome}")
    kept = (await subject.connector.fetch(subject.object, [id], [field]))[0].fields[field]
    must(kept == before, f"{field} was not named and is {kept!r}")
    await subject.connector.push([PushOperation("key-c2", "update", subject.object, {field: None}, target)])
    cleared = (await subject.connector.fetch(subject.object, [id], [field]))[0].fields[field]
    must(cleared is None, f"{field} was cleared and is {cleared!r}")


@promise("records")
async def a_record_that_is_gone_is_gone(subject: Subject) -> None:
    """fetch() leaves it out, an update says so."""
    id = await written(subject, "key-gone", "Gone")
    await subject.delete(subject.object, id)
    must(await subject.connector.fetch(subject.object, [id], []) == [], "fetch() leaves it out")
    update = PushOperation("key-g1", "update", subject.object, subject.values("Back"), Link(subject.object, id))
    outcome = (await subject.connector.push([update]))[0]
    must(isinstance(outcome, Gone), f"an update of it is {outcome}")


@promise("records")
async def an_old_version_is_stale(subject: Subject) -> None:
    """A write with the version that was read is done; with an older one it is not."""
    if not subject.compares_versions:
        raise SkippedError("no conditional writes there")
    id = await written(subject, "key-stale", "Versioned")
    old = (await subject.connector.fetch(subject.object, [id], []))[0].version
    target, values = Link(subject.object, id), subject.values("By an old one")
    await subject.changed_by(subject.object, id)
    outcome = (await subject.connector.push([PushOperation("key-s1", "update", subject.object, values, target, old)]))[
        0
    ]
    must(isinstance(outcome, Stale), f"with an old version it is {outcome}")
    must(not await subject.named("By an old one"), "and nothing was written")
    new = (await subject.connector.fetch(subject.object, [id], []))[0].version
    outcome = (await subject.connector.push([PushOperation("key-s2", "update", subject.object, values, target, new)]))[
        0
    ]
    must(isinstance(outcome, Written), f"with the new version it is {outcome}")


@promise("records", lambda manifest: manifest.capabilities.push_dependent > 0)
async def operations_refer_to_earlier_ones(subject: Subject) -> None:
    """A child of a parent in the same push; of one that is there already; of one that is refused."""
    if subject.child is None:
        raise SkippedError("no child object is named")
    parent = create(subject, "key-p", "Parent")
    link = Link(subject.object, key="key-p")
    outcomes = await subject.connector.push([parent, subject.child("key-ch", link)])
    must([type(one) for one in outcomes] == [Written, Written], f"both are {outcomes}")
    child = subject.child("key-ch2", link)
    again = await subject.connector.push([parent, child])
    must(isinstance(again[0], Written) and again[0].existed, f"the parent again is {again[0]}")
    must(isinstance(again[1], (Written, NotSent)), f"a child of one that was there is {again[1]}")
    bad = PushOperation("key-pb", "create", subject.object, dict(subject.bad_values))
    refused = await subject.connector.push([bad, subject.child("key-ch3", Link(subject.object, key="key-pb"))])
    must(isinstance(refused[0], Rejected), f"a bad parent is {refused[0]}")
    must(isinstance(refused[1], NotSent), f"its child is {refused[1]}")


@promise("records", lambda manifest: manifest.capabilities.write_batch > 1)
async def more_than_a_batch_is_written(subject: Subject) -> None:
    """Any number of operations, in order."""
    count = subject.manifest.capabilities.write_batch * 2 + 3
    outcomes = await subject.connector.push([create(subject, f"key-{n}", f"Many {n}") for n in range(count)])
    must(all(isinstance(one, Written) for one in outcomes), "all are written")
    ids = [one.id for one in outcomes]
    must(len(set(ids)) == count, "each has its own id")
    found = {str(row["id"]): subject.stored_name(row) for row in await subject.records(subject.object)}
    must([found[id] for id in ids] == [f"Many {n}" for n in range(count)], "in the order in which they were given")


@promise("records")
async def find_takes_any_number_of_values(subject: Subject) -> None:
    """More values than any single query may hold; exactly what is there is found, in few requests."""
    if subject.finds is None:
        raise SkippedError("nothing to find by is named")
    field, value_of = subject.finds
    rows = [{**subject.values(f"Found {n}"), field: value_of(n)[0]} for n in range(300)]
    ids = await subject.seed(subject.object, rows)
    if subject.side is not None:
        subject.side.forget_counts()
    asked = [value_of(n)[1] for n in range(600)]
    found = await subject.connector.find(subject.object, [field], asked, [field])
    must(sorted(one.id for one in found) == sorted(ids), f"{len(found)} of 300 are found, each once")
    requests = subject.counted()
    must(requests <= 60, f"it took {requests} requests")
    must(await subject.connector.find(subject.object, [field], [], [field]) == [], "no values, nothing found")


@promise("records")
async def a_text_is_a_text(subject: Subject) -> None:
    """Quotes and brackets in a value neither break a query nor widen it."""
    if subject.finds is None:
        raise SkippedError("nothing to find by is named")
    await written(subject, "key-q", "Quoted")
    field = subject.finds[0]
    for text in ("' or '1'='1", "a\\", "\\' or id is not null", ") or (id > '0'", "é'\"(,)%", "%"):
        found = await subject.connector.find(subject.object, [field], [text], [])
        must(found == [], f"{text!r} finds {len(found)}")


@promise("records")
async def nothing_to_do_costs_nothing(subject: Subject) -> None:
    """No operations, no ids: no requests."""
    subject.connector  # noqa: B018  (made before counting: some log in)
    if subject.side is not None:
        subject.side.forget_counts()
    must(await subject.connector.push([]) == [], "nothing to do is nothing done")
    must(await subject.connector.fetch(subject.object, [], []) == [], "no ids, no records")
    must(subject.counted() == 0, "and nobody was asked")
