"""Rows for the tests of customers' pages: a company whose CRM and ERP are a pair, with links, waiting rows and runs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.made import rows, workspace_tx

if TYPE_CHECKING:
    from tieline.store.models import InboxItem, SyncLink, SyncRun

_count = itertools.count(1)


def text_of_id(kind: str, id: int) -> str:
    from tieline.store import public_ids

    return public_ids.of(kind).show(id)


class MadePair:
    """A pair of Zoho CRM (left) and e-conomic (right) that writes. environment: of the test; both sides are described by it."""

    def __init__(self, company: Any, environment: pytest.MonkeyPatch) -> None:
        from tests.flows.pair import CRM, ERP
        from tieline.store.services import pairs

        environment.setattr(pairs, "target_of", lambda one: CRM if one.connector == "zoho_crm" else ERP)

        self.company = company
        self.workspace = company.workspace.pk
        with workspace_tx(self.workspace):
            self.left, self.right = (
                rows.Connection.objects.create(
                    workspace_id=self.workspace, connector=connector, title=title, is_main_crm=connector == "zoho_crm",
                    answered_at=datetime.now(UTC), config={"data_centre": "eu"} if connector == "zoho_crm" else {},
                )
                for connector, title in (("zoho_crm", "Zoho CRM"), ("e_conomic", "e-conomic"))
            )  # fmt: skip
        self.pk = pairs.create(self.workspace, company.users["admin"], self.left.pk, self.right.pk)
        pairs.go_live(self.workspace, company.users["admin"], self.pk, True)
        self.id = text_of_id("pair", self.pk)

    @property
    def kept(self) -> Any:
        from tieline.store.services import customers

        return customers.pair(self.workspace, self.pk)

    def url(self, path: str = "") -> str:
        return str(self.company.url(f"/customers/{self.id}/{path}"))

    def record(self, left: str, role: str = "account", path: str = "") -> str:
        return str(self.company.url(f"/records/{self.id}/{role}/left/{left}/{path}"))

    def make(self, model: str, **values: Any) -> Any:
        with workspace_tx(self.workspace):
            return getattr(rows, model).objects.create(
                workspace_id=self.workspace, pair_id=self.pk, epoch=self.kept.epoch, **values
            )

    def link(self, name: str, left: str, right: str, state: str = "linked", why: Any = None, **more: Any) -> SyncLink:
        return self.make(
            "SyncLink", key=f"k{next(_count)}", left_id=left, right_id=right, name=name, state=state, why=why,
            code=why["code"] if why else "", agreed_at=datetime.now(UTC), **{"role": "account", **more},
        )  # fmt: skip

    def run(self, kind: str, state: str = "done", **more: Any) -> SyncRun:
        done = None if state in ("running", "paused") else datetime.now(UTC)
        return self.make("SyncRun", kind=kind, state=state, version=1, finished_at=done, **more)

    def runs(self, **wanted: Any) -> list[Any]:
        with workspace_tx(self.workspace):
            return list(rows.SyncRun.objects.filter(workspace_id=self.workspace, **wanted).order_by("id"))

    def wrote(self, run: Any, link: Any, values: dict[str, Any], before: dict[str, Any], **more: Any) -> Any:
        return self.make(
            "SyncOperation", key=f"o{next(_count)}", run_id=run.pk, link=link.key, role=link.role, name=link.name, values=values,
            before=before, reason={"code": "customers.changed", "params": {}}, done_at=datetime.now(UTC),
            **{"side": "right", "verb": "update", "record": link.right_id, "state": "done", **more},
        )  # fmt: skip

    def differs(self, run: Any, name: str, left: str, right: str, **more: Any) -> Any:
        with workspace_tx(self.workspace):
            return rows.SyncReport.objects.create(
                workspace_id=self.workspace, pair_id=self.pk, run_id=run.pk, role="account", name=name, left_id=left,
                right_id=right, **{"status": "differs", **more},
            )  # fmt: skip

    def question(self, kind: str, record: str, why: dict[str, Any], options: Any = (), name: str = "") -> InboxItem:
        with workspace_tx(self.workspace):
            return rows.InboxItem.objects.create(
                workspace_id=self.workspace, flow="customers", pair_id=self.pk, epoch=self.kept.epoch, role="account",
                side="left", record=record, kind=kind, topic=f"{kind}:{record}", reason=why, options=list(options), name=name,
                times=1, last_at=datetime.now(UTC),
            )  # fmt: skip
