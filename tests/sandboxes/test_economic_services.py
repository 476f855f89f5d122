"""What both of e-conomic's surfaces share, and customersapi, as the sandbox plays them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.sandboxes.economic import BOOK, CUSTOMERSAPI, OPEN, Economic, calling


@pytest.fixture
async def economic() -> AsyncIterator[Economic]:
    async with calling() as caller:
        yield caller


async def test_credentials(economic: Economic) -> None:
    for path in ("/customers", f"{CUSTOMERSAPI}/Customers"):
        for headers in (
            {},
            {"X-AppSecretToken": "demo"},
            {"X-AppSecretToken": "demo", "X-AgreementGrantToken": "wrong"},
        ):
            economic.headers, kept = headers, economic.headers
            assert (await economic("GET", path))[0] == 401
            economic.headers = kept
    economic.headers = {"X-AppSecretToken": "demo", "X-AgreementGrantToken": "demo"}
    assert (await economic("GET", "/customers"))[0] == 200
    assert (await economic("POST", "/customers", BOOK))[0] == 403
    assert (await economic("PUT", "/customers/1", BOOK, headers={"Content-Type": "text/plain"}))[0] == 403


async def test_only_json(economic: Economic) -> None:
    for path in ("/customers", f"{CUSTOMERSAPI}/Customers"):
        assert (await economic("POST", path, data=b"{}", headers={"Content-Type": "text/xml"}))[0] == 415
        assert (await economic("POST", path, data=b"{", headers={"Content-Type": "application/json"}))[0] == 400


async def test_roles_and_modules(economic: Economic) -> None:
    await economic.control("POST", "roles", ["Bookkeeping"])
    assert (await economic("GET", "/self"))[1]["application"]["requiredRoles"][0]["name"] == "Bookkeeping"
    assert (await economic("GET", "/customers"))[0] == 403
    status, body = await economic("GET", f"{CUSTOMERSAPI}/Customers")
    assert (status, body["errorCode"]) == (403, "AccessDenied")
    await economic.control("POST", "roles", ["Sales"])
    assert (await economic("GET", "/customers"))[0] == 200
    await economic.control("POST", "modules", {"missing": ["API"]})
    status, body = await economic("GET", f"{CUSTOMERSAPI}/Setup")
    assert (status, body["errorCode"], body["title"]) == (
        403,
        "AccessDeniedAgreementMissingModules",
        "Missing modules: API",
    )


async def test_the_budget_is_shared_and_fills_up(economic: Economic) -> None:
    await economic("GET", "/customers")
    assert economic.last["X-RateLimiting"] == "token-limit-10000-per-60-seconds: 3/10000"
    assert economic.last["X-CallCost"] == "3"
    assert economic.last["X-RequestId"]
    await economic.control("POST", "limits", {"tokens": 9})
    for path in ("/customers", f"{CUSTOMERSAPI}/Customers", "/self"):
        assert (await economic("GET", path))[0] == 200
    status, _ = await economic("GET", f"{CUSTOMERSAPI}/Customers")
    assert (status, economic.last["Retry-After"]) == (429, "20")
    assert economic.last["X-RateLimiting"] == "token-limit-9-per-60-seconds: 9/9"
    await economic.control("POST", "clock", {"advance": 25})
    assert (await economic("GET", "/customers"))[0] == 200
    await economic.control("POST", "limits", {"tokens": 1, "tells_retry": False})
    assert (await economic("GET", "/customers"))[0] == 429
    assert "Retry-After" not in economic.last


async def test_an_answer_is_remembered_for_an_hour(economic: Economic) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await economic("POST", "/customers", BOOK, headers=key)
    assert "X-ResultFromCache" not in economic.last
    assert await economic("POST", "/customers", {**BOOK, "name": "Other"}, headers=key) == first
    assert economic.last["X-ResultFromCache"] == "true"
    assert len(await economic.control("GET", "records?module=customers")) == 1
    refused = await economic("POST", "/customers", {}, headers={"Idempotency-Key": "k2"})
    assert refused[0] == 400
    assert (await economic("POST", "/customers", BOOK, headers={"Idempotency-Key": "k2"}))[0] == 400
    await economic.control("POST", "clock", {"advance": 3601})
    assert (await economic("POST", "/customers", BOOK, headers=key))[0] == 201
    assert len(await economic.control("GET", "records?module=customers")) == 2


async def test_a_deletion_is_remembered_although_the_number_is_somebody_elses(economic: Economic) -> None:
    number = await economic.add(name="First")
    path, key = f"{CUSTOMERSAPI}/Customers/{number}", {"Idempotency-Key": "d"}
    assert (await economic("DELETE", path, headers=key))[0] == 204
    assert await economic.add(name="Second") == number
    assert (await economic("DELETE", path, headers=key))[0] == 204
    assert (await economic("GET", path))[1]["name"] == "Second"


async def test_a_number_must_come_with_a_customer(economic: Economic) -> None:
    path = f"{CUSTOMERSAPI}/Customers"
    status, body = await economic(
        "POST", path, {name: value for name, value in OPEN.items() if name != "customerNumber"}
    )
    assert (status, body["errors"][0]["errorCode"]) == (400, "CustomerInvalidCustomerNumber")
    status, body = await economic(
        "POST",
        path,
        {**{name: value for name, value in OPEN.items() if name != "paymentTermId"}, "paymentTermsNumber": 1},
    )
    assert (status, body["errors"][0]["errorCode"]) == (400, "CustomerInvalidPaymentTerm")
    assert await economic("POST", path, OPEN) == (201, {"customerNumber": 5000})
    assert (await economic("POST", path, OPEN))[1]["errors"][0]["errorCode"] == "CustomerAlreadyExists"


async def test_a_write_needs_the_version_that_is_there(economic: Economic) -> None:
    number = await economic.add(city="Odense")
    path = f"{CUSTOMERSAPI}/Customers/{number}"
    known = (await economic("GET", path))[1]
    assert "access" in known
    assert "lastUpdated" not in known
    without = {name: value for name, value in known.items() if name != "objectVersion"}
    status, body = await economic("PUT", path, without)
    assert (status, body["errorCode"]) == (409, "UpdateConflict")
    assert (await economic("PUT", path, {**known, "city": None}))[0] == 400
    assert (await economic("PUT", path, {**known, "customerNumber": number + 1}))[1]["errors"][0][
        "errorCode"
    ] == "CustomerannotChangeNumber"
    assert (await economic("PUT", path, {**known, "access": False, "city": "Aarhus C"}))[0] == 204
    assert (await economic("PUT", path, known))[0] == 409
    changed = (await economic("GET", path))[1]
    assert ("access" in changed, changed["city"]) == (False, "Aarhus C")
    assert (await economic("GET", f"/customers/{number}"))[1]["barred"] is True


async def test_lists_by_cursor_and_by_page(economic: Economic) -> None:
    await economic.control("POST", "seed", {"customers": 1001})
    path = f"{CUSTOMERSAPI}/Customers"
    page = (await economic("GET", f"{path}?sort=-customerNumber"))[1]  # sort is ignored there
    assert (len(page["items"]), page["items"][0]["customerNumber"], page["cursor"]) == (1000, 1, "1001")
    page = (await economic("GET", f"{path}?cursor=1001"))[1]
    assert (len(page["items"]), "cursor" in page) == (1, False)
    rows = (await economic("GET", f"{path}/paged?sort=-customerNumber&pageSize=2"))[1]
    assert [row["customerNumber"] for row in rows] == [1001, 1000]
    assert (await economic("GET", f"{path}/count?filter=customerNumber$lte:10"))[1] == 10
    rows = (await economic("GET", f"{path}?filter=customerNumber$in:[5,7,5000]"))[1]["items"]
    assert [row["customerNumber"] for row in rows] == [5, 7]
    assert "allowedFilteringFields" not in await economic.refusal("name$eq:x", path)
    assert (await economic.refusal("name$eq:x", path))["errors"][0][
        "message"
    ] == "Operator $eq: not supported on property name"
    assert (await economic.refusal("zzz$eq:x", path))["errorCode"] == "BadFilterRequest"
    await economic.control("POST", "seed", {"customers": 9500})
    assert (await economic("GET", f"{path}/paged?pageSize=100&skipPages=99"))[1][-1]["customerNumber"] == 10_000
    assert (await economic("GET", f"{path}/paged?pageSize=100&skipPages=100"))[1] == []


async def test_a_contact_belongs_to_one_customer_and_has_one_name(economic: Economic) -> None:
    one, other = await economic.add(), await economic.add()
    path = f"{CUSTOMERSAPI}/Contacts"
    made = (await economic("POST", path, {"customerNumber": one, "name": "Anne"}))[1]["number"]
    assert (await economic("POST", path, {"customerNumber": other, "name": "Anne"}))[0] == 201
    assert (await economic("POST", path, {"customerNumber": one, "name": "ANNE"}))[1]["errors"][0][
        "errorCode"
    ] == "CustomerContactNameAlreadyExists"
    known = (await economic("GET", f"{path}/{made}"))[1]
    assert (await economic("PUT", path, {**known, "customerNumber": other}))[1]["errors"][0][
        "errorCode"
    ] == "CustomerNumberMismatch"
    attention = (await economic("GET", f"{CUSTOMERSAPI}/Customers/{other}"))[1] | {"defaultAttention": made}
    refused = (await economic("PUT", f"{CUSTOMERSAPI}/Customers/{other}", attention))[1]
    assert refused["errors"][0]["errorCode"] == "CustomerInvalidDefaultAttention"
    await economic.control("POST", "clock", {"advance": 60})
    assert (await economic("DELETE", f"{path}/{made}"))[0] == 204
    gone = (await economic("GET", path, params={"filter": f"lastUpdated$gt:{known['lastUpdated']}"}))[1]["items"]
    assert [(row["number"], row["isDeleted"]) for row in gone] == [(made, True)]
    counts = {"": 2, "?filter=isDeleted$eq:false": 1, "?filter=isDeleted$eq:true": 1}  # of all, as the list shows all
    assert {query: (await economic("GET", f"{path}/count{query}"))[1] for query in counts} == counts
    assert (await economic.refusal("zzz$eq:x", f"{path}/count"))["errorCode"] == "BadFilterRequest"


async def test_webhooks_tell_numbers_and_nothing_else(economic: Economic) -> None:
    """Made, changed, renumbered and deleted; by the API or by a person; nothing for a contact unless it is switched on."""
    heard: list[tuple[str, str]] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        body = (await reader.readexactly(length)).decode()
        secret = next((line.split(b": ")[1].decode() for line in head.split(b"\r\n") if line.startswith(b"X-Own")), "")
        heard.append((secret, body))
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hook = {
        "eventType": "CUSTOMER_UPDATED",
        "name": "T",
        "url": f"http://127.0.0.1:{port}/in",
        "contentType": "application/x-www-form-urlencoded",
    }
    made = {**hook, "postData": "old=[OLDNUMBER]&new=[NEWNUMBER]", "customHeaders": [{"key": "X-Own", "value": "word"}]}
    assert (await economic("POST", "/webhooksapi/v1.0.0/webhooks", made))[0] == 201
    number = await economic.add()
    await economic.control("POST", "renumber", {"from": number, "to": 900})
    await economic("POST", f"{CUSTOMERSAPI}/Contacts", {"customerNumber": 900, "name": "Anne"})
    await economic.control("GET", "delivered")
    await economic.control("POST", "mode", {"doubled": True, "contacts_fire": True, "held": True})
    await economic("POST", f"{CUSTOMERSAPI}/Contacts", {"customerNumber": 900, "name": "Bo"})
    assert len(await economic.control("GET", "waiting")) == 2
    await economic.control("POST", "release")
    await economic.control("GET", "delivered")
    await economic.control("POST", "mode", {"doubled": False, "held": False})
    await economic.control(
        "POST", "webhooks", {"url": f"http://127.0.0.1:{port}/ui", "postData": "[OLDNUMBER]&[NEWNUMBER]"}
    )
    await economic("DELETE", f"{CUSTOMERSAPI}/Customers/900")
    delivered = await economic.control("GET", "delivered")
    assert {one["status"] for one in delivered} == {202}
    assert heard[:2] == [("word", f"old=&new={number}"), ("word", f"old={number}&new=900")]
    assert heard[2:4] == [("word", "old=900&new=900")] * 2
    assert sorted(heard[4:]) == [("", "900&"), ("word", "old=900&new=")]
    await economic.control("POST", "seed", {"customers": 30})
    before = len(heard)
    await economic.control("POST", "storm", {"n": 30})
    await economic.control("GET", "delivered")
    assert len(heard) == before + 60
    server.close()
    await server.wait_closed()


async def test_a_failed_call_is_made_again(economic: Economic) -> None:
    await economic.control("POST", "webhooks", {"url": "http://127.0.0.1:1/nobody"})
    await economic.add()
    assert [one["status"] for one in await economic.control("GET", "delivered")] == [0, 0, 0]


async def test_reset_forgets_the_books(economic: Economic) -> None:
    await economic.add()
    await economic.control("POST", "roles", [])
    await economic.control("POST", "reset", {})
    assert (await economic("GET", "/customers"))[1]["pagination"]["results"] == 0
