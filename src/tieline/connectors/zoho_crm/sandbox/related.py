"""What hangs on a record: notes of it, attachments, its owner, and a lead's conversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tieline.connectors.zoho_crm.sandbox.answers import batch, error, nothing, refused, success
from tieline.connectors.zoho_crm.sandbox.rows import Row, Tables, told
from tieline.connectors.zoho_crm.sandbox.schema import Ids
from tieline.connectors.zoho_crm.sandbox.writes import Writer
from tieline.sdk.sandbox import Reply, Request, json_reply

LARGEST_FILE = 20 * 1024 * 1024
"""Older pages say 20 MB, the newer description 100: the smaller holds here."""


@dataclass(slots=True)
class Attachment:
    """A file or link on a record."""

    id: str
    module: str
    parent: str
    name: str
    content: bytes
    content_type: str
    url: str | None
    at: int
    by: str


class Attachments:
    """All attachments of the org."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.ids = Ids(9000000)
        self.kept: dict[str, Attachment] = {}

    def answer(self, module: str, row_id: str, rest: list[str], request: Request, user: str, now: int) -> Reply:
        """``/{module}/{id}/Attachments[/{id}]``."""
        row = self.tables[module].rows.get(row_id)
        if row is None:
            return refused(400, "INVALID_DATA", "the related id given seems to be invalid", resource_path_index=1)
        if not rest:
            if request.method == "POST":
                return self._add(module, row, request, user, now)
            if request.method == "GET":
                return self._list(row, request)
            return refused(400, "INVALID_REQUEST_METHOD")
        one = self.kept.get(rest[0])
        if one is None or one.parent != row_id:
            return refused(400, "INVALID_DATA", "the id given seems to be invalid", resource_path_index=3)
        if request.method == "DELETE":
            del self.kept[one.id]
            return json_reply(200, {"data": [success("record deleted", {"id": one.id})]})
        if one.url is not None:
            return Reply(302, headers=[("Location", one.url)])
        disposition = [("Content-Disposition", f"attachment;filename*=UTF-8''{one.name}")]
        return Reply(200, one.content, one.content_type, disposition) if one.content else nothing()

    def _add(self, module: str, row: Row, request: Request, user: str, now: int) -> Reply:
        parts = request.parts()
        form = {**request.query, **(request.form if "urlencoded" in request.headers.get("content-type", "") else {})}
        link = parts["attachmentUrl"].content.decode() if "attachmentUrl" in parts else form.get("attachmentUrl")
        file = parts.get("file")
        if file is None and not link:
            return refused(400, "MANDATORY_NOT_FOUND", param_name="file")
        if file is not None and len(file.content) > LARGEST_FILE:
            return refused(413, "FILE_SIZE_MORE_THAN_ALLOWED_SIZE")
        if link and not link.startswith(("http://", "https://")):
            return refused(400, "INVALID_DATA", "the given attachment URL is incorrect", param_name="attachmentUrl")
        title = parts["title"].content.decode() if "title" in parts else form.get("title")
        name = (file.filename if file is not None else title) or link or "file"
        one = Attachment(
            self.ids.next(), module, row.id, name, file.content if file is not None else b"",
            file.content_type if file is not None else "", None if file is not None else link, now, user,
        )  # fmt: skip
        self.kept[one.id] = one
        by = self.tables.schema.user_ref(user)
        details = {
            "Modified_Time": told(now),
            "Modified_By": by,
            "Created_Time": told(now),
            "id": one.id,
            "Created_By": by,
        }
        return json_reply(200, {"data": [success("attachment uploaded successfully", details)]})

    def _list(self, row: Row, request: Request) -> Reply:
        if not request.query.get("fields"):
            return refused(400, "REQUIRED_PARAM_MISSING", param_name="fields")
        found = [self.shown(one) for one in self.kept.values() if one.parent == row.id]
        if not found:
            return nothing()
        info = {
            "per_page": 200, "next_page_token": None, "count": len(found), "page": 1, "previous_page_token": None, "page_token_expiry": None,
            "more_records": False,
        }  # fmt: skip
        return json_reply(200, {"data": found, "info": info})

    def shown(self, one: Attachment) -> dict[str, Any]:
        """An attachment as the list shows it."""
        by = self.tables.schema.user_ref(one.by)
        parent = self.tables[one.module].rows.get(one.parent)
        return {
            "Owner": by, "Modified_Time": told(one.at), "$file_id": one.id if one.url is None else None,
            "$type": "Attachment" if one.url is None else "Link URL", "Created_Time": told(one.at), "$editable": True,
            "$se_module": one.module, "Modified_By": by, "$state": "save", "$link_url": one.url, "Created_By": by,
            "Parent_Id": {"name": (self.tables.name_of(one.module, parent) if parent else None) or "", "id": one.parent}, "id": one.id,
            "File_Name": one.name, "Size": str(len(one.content)),
        }  # fmt: skip


def notes_of(tables: Tables, writer: Writer, module: str, row_id: str, request: Request, user: str) -> Reply:
    """``/{module}/{id}/Notes``: list and add."""
    if row_id not in tables[module].rows:
        return refused(400, "INVALID_DATA", "the related id given seems to be invalid", resource_path_index=1)
    if request.method == "GET":
        if not request.query.get("fields"):
            return refused(400, "REQUIRED_PARAM_MISSING", param_name="fields")
        rows = [tables["Notes"].rows[one] for one in tables["Notes"].having("Parent_Id", row_id)]
        if not rows:
            return nothing()
        found = [tables.whole("Notes", row) for row in reversed(rows)]
        wanted = {"id", *request.query["fields"].split(",")}
        data = [{name: value for name, value in one.items() if name in wanted} for one in found]
        return json_reply(
            200, {"data": data, "info": {"per_page": 200, "count": len(found), "page": 1, "more_records": False}}
        )
    try:
        items = request.json()["data"]
        parent = {"module": {"api_name": module}, "id": row_id}
        given = [{**item, "Parent_Id": parent} for item in items]
    except (ValueError, KeyError, TypeError):
        return refused(400, "INVALID_DATA", api_name="data", json_path="$.data", expected_data_type="jsonarray")
    return batch([writer.insert("Notes", item, index, user) for index, item in enumerate(given)], 201)


def change_owner(tables: Tables, writer: Writer, module: str, row_id: str | None, request: Request, user: str) -> Reply:
    """``POST /{module}[/{id}]/actions/change_owner``."""
    try:
        asked = request.json()
        owner = tables.schema.users.get(str(asked["owner"]["id"]))
        ids = [row_id] if row_id is not None else [str(one) for one in asked["ids"]]
        related = [str(one["api_name"]) for one in asked.get("related_modules") or ()]
    except (ValueError, KeyError, TypeError) as wrong:
        name = wrong.args[0] if isinstance(wrong, KeyError) else "owner"
        return refused(400, "MANDATORY_NOT_FOUND", api_name=name, json_path=f"$.{name}")
    if owner is None or owner.status != "active":
        return refused(400, "INVALID_DATA", "the id given seems to be invalid", api_name="id", json_path="$.owner.id")
    if len(ids) > 500:
        return refused(400, "INVALID_DATA", api_name="ids", json_path="$.ids")
    if row_id is not None and row_id not in tables[module].rows:
        return refused(400, "INVALID_DATA", "the id given seems to be invalid", resource_path_index=1)
    results: list[dict[str, Any]] = []
    for index, one in enumerate(ids):
        row = tables[module].rows.get(one)
        if row is None:
            results.append(
                error("INVALID_DATA", "the id given seems to be invalid", api_name="ids", json_path=f"$.ids[{index}]")
            )
            continue
        writer.change(module, row, {"Owner": owner.id}, user)
        for name in related:
            for field_name in ("Who_Id", "What_Id", "Account_Name", "Contact_Name"):
                if name in tables.by_module and field_name in tables.schema.modules[name].fields:
                    for other in list(tables[name].having(field_name, one)):
                        writer.change(name, tables[name].rows[other], {"Owner": owner.id}, user)
        results.append(success("record owner updated successfully", {"id": one}))
    if row_id is not None:
        return json_reply(200, results[0])
    return batch(results, 200)


def convert(tables: Tables, writer: Writer, row_id: str, request: Request, user: str) -> Reply:
    """``POST /Leads/{id}/actions/convert``: contact, account when there is a company, deal when asked; the lead stays, converted."""
    lead = tables["Leads"].rows.get(row_id)
    if lead is None:
        return refused(400, "INVALID_DATA", "the id given seems to be invalid", resource_path_index=1)
    if lead.values.get("Converted__s"):
        return refused(400, "ID_ALREADY_CONVERTED", resource_path_index=1)
    try:
        asked = request.json()["data"][0]
        deal_asked = asked.get("Deals")
        owner = asked.get("assign_to", {}).get("id", lead.values["Owner"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return refused(400, "INVALID_DATA", resource_path_index=1)
    if deal_asked is not None:
        missing = next(
            (name for name in ("Deal_Name", "Pipeline", "Stage", "Closing_Date") if not deal_asked.get(name)), None
        )
        if missing is not None:
            wrong = error("MANDATORY_NOT_FOUND", api_name=missing, json_path=f"$.data[0].Deals.{missing}")
            return json_reply(400, {"data": [wrong]})
    layouts = {name: tables.schema.modules[name].layouts[0].id for name in ("Accounts", "Contacts", "Deals")}
    values = lead.values
    account: Row | None = None
    if values.get("Company"):
        found = next(iter(tables["Accounts"].having("Account_Name", values["Company"])), None)
        account = tables["Accounts"].rows[found] if found is not None else None
        if account is None:
            made = {
                "Account_Name": values["Company"],
                "Phone": values.get("Phone"),
                "Website": values.get("Website"),
                "Owner": owner,
            }
            account = writer.put_new("Accounts", made, user, layouts["Accounts"])
    person = {name: values.get(name) for name in ("First_Name", "Last_Name", "Email", "Phone", "Mobile", "Lead_Source")}
    person |= {"Owner": owner, "Account_Name": account.id if account else None}
    contact = writer.put_new("Contacts", person, user, layouts["Contacts"])
    deal: Row | None = None
    if deal_asked is not None:
        result = writer.insert(
            "Deals",
            {
                **{name: value for name, value in deal_asked.items() if not name.startswith("$")},
                "Contact_Name": {"id": contact.id}, "Account_Name": {"id": account.id} if account else None, "Owner": {"id": owner},
            },
            0,
            user,
        )  # fmt: skip
        if result["status"] != "success":
            tables["Contacts"].take(contact)
            return json_reply(400, {"data": [result]})
        deal = tables["Deals"].rows[result["details"]["id"]]
    writer.change("Leads", lead, {
        "Converted__s": True, "Converted_Date_Time": told(int(writer.now())), "Converted_Contact": contact.id,
        "Converted_Account": account.id if account else None, "Converted_Deal": deal.id if deal else None,
    }, user)  # fmt: skip
    for name in ("Calls", "Tasks", "Events"):
        for one in list(tables[name].having("What_Id", lead.id)):
            writer.change(
                name,
                tables[name].rows[one],
                {"Who_Id": contact.id, "What_Id": account.id if account else None},
                user,
                None,
                "Accounts",
            )
    details = {
        kind: {"name": tables.name_of(kind, row) or "", "id": row.id} if row else None
        for kind, row in (("Contacts", contact), ("Deals", deal), ("Accounts", account))
    }
    return json_reply(200, {"data": [success("The record has been converted successfully", details)]})
