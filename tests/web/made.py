"""Rows for the tests of home, runs, events, inbox and search: a company with its phone system, its CRM, and calls.

day = MadeDay(company)            SipSim and Zoho CRM connected, the calls flow live with two lines
day.call("+33186765432")          a subject with its event; .run(subject, …) decides it
"""

from __future__ import annotations

import itertools
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tieline.store.models import Event, InboxItem, Operation, RefusedDelivery, Run, Subject


class _Models:
    """The store's models, imported once a test needs them: Django has no settings before."""

    def __getattr__(self, name: str) -> Any:
        if not name[:1].isupper():  # what pytest asks of every object that it collects
            raise AttributeError(name)
        from tieline.store import models

        return getattr(models, name)


rows = _Models()


def workspace_tx(workspace: int) -> Any:
    from tieline.store import connection

    return connection.workspace_tx(workspace)


_count = itertools.count(1)

ANNA, MIKKEL = "501", "502"
SETTINGS: dict[str, Any] = {
    "version": 1,
    "default_country": "FR",
    "default_user": {"id": ANNA, "label": "Anna Krogh"},
    "lines": [
        {"number": "+33186760411", "label": "04 11", "manager": {"id": ANNA, "label": "Anna Krogh"}},
        {"number": "+33186760412", "label": "04 12", "manager": {"id": MIKKEL, "label": "Mikkel Holm"}},
    ],
}


def because(code: str, **params: Any) -> dict[str, Any]:
    return {"code": code, **({"params": params} if params else {})}


class MadeDay:
    """A workspace with rows."""

    def __init__(self, company: Any, *, live: bool = True) -> None:
        self.company = company
        self.workspace = company.workspace.pk
        self.signature = "absent"
        with workspace_tx(self.workspace):
            self.source = rows.Connection.objects.create(
                workspace_id=self.workspace, connector="sipsim", title="SipSim", answered_at=datetime.now(UTC)
            )
            self.target = rows.Connection.objects.create(
                workspace_id=self.workspace,
                connector="zoho_crm",
                title="Zoho CRM",
                is_main_crm=True,
                config={"data_centre": "eu"},
                answered_at=datetime.now(UTC),
            )
            rows.Budget.objects.create(
                connection=self.target,
                workspace_id=self.workspace,
                day=int(datetime.now(UTC).timestamp() // 86400),
                used=1204,
                requests=611,
            )
            self.flow = rows.FlowSetting.objects.create(
                workspace_id=self.workspace, flow="calls", target=self.target, version=1, live=live
            )
            rows.FlowVersion.objects.create(workspace_id=self.workspace, setting=self.flow, number=1, settings=SETTINGS)
            rows.FlowSource.objects.create(workspace_id=self.workspace, setting=self.flow, source=self.source)
            for id, name in ((ANNA, "Anna Krogh"), (MIKKEL, "Mikkel Holm")):
                rows.CrmUser.objects.create(
                    workspace_id=self.workspace, connection=self.target, epoch=1, external_id=id, name=name
                )

    def call(
        self,
        number: str = "+33465712008",
        *,
        line: str = "+33186760411",
        result: str | None = "missed",
        direction: str = "inbound",
        state: str = "done",
        at: datetime | None = None,
        why: Any = None,
        events: int = 1,
        **more: Any,
    ) -> Subject:
        """A call with its events; `result` None: it goes on."""
        at = at or datetime.now(UTC)
        key = f"call-{next(_count)}"
        said: dict[str, Any] = {
            "key": key,
            "direction": direction,
            "external": number,
            "line": line,
            "result": result,
            "state": "ended" if result else "ringing",
            "started_at": at.isoformat(),
            "numbers": [line],
            **({"ended_at": at.isoformat(), "total_s": 22} if result else {}),
            **more,
        }
        with workspace_tx(self.workspace):
            subject = rows.Subject.objects.create(
                workspace_id=self.workspace,
                target=self.target,
                epoch=1,
                flow="calls",
                source=self.source,
                key=key,
                subject=said,
                state=state,
                due_at=at + timedelta(hours=4) if state in ("due", "waiting") else None,
                lanes=[f"phone:{number}"],
                revision=1,
                arrived_at=at,
                why=why,
            )
            for position in range(events):
                event = self._event(key, number, line, at + timedelta(seconds=position))
                rows.EventSubject.objects.create(workspace_id=self.workspace, subject=subject, event=event)
        return subject

    def _event(self, key: str, number: str, line: str, at: datetime) -> Event:
        body = {
            "event": "incoming_call_end",
            "pbx_id": key,
            "caller": number,
            "receiver": line,
            "status": "missed",
            "secret": "hush-hush",
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return rows.Event.objects.create(
            workspace_id=self.workspace,
            connection=self.source,
            epoch=1,
            key=uuid.uuid4(),
            received_at=at + timedelta(seconds=1),
            method="POST",
            headers={"content-type": "application/json", "x-signature": "abcdef"},
            body=json.dumps(body).encode(),
            signature=self.signature,
        )

    def run(self, subject: Subject, state: str = "done", **more: Any) -> Run:
        """A decision on a call: by default the caller is known, the call is logged and Anna gets a task."""
        at = subject.arrived_at + timedelta(seconds=1)
        number = subject.subject["external"]
        marie = ["7", {"name": "Marie Duval", "phone": number, "owner": ANNA, "account": {"$ref": ["account", "9"]}}]
        considered = [
            ["account.create", False, because("call.rule_off")],
            ["lead.create", False, because("call.lead.match", role="contact", name="Marie Duval")],
            ["contact.create", False, because("call.rule_off")],
            ["deal.create", False, because("call.deal.active", name="Toiture atelier 2")],
            ["task.owner", True, because("call.owner.manager", line="04 11", user="Anna Krogh")],
            ["task.create", True, because("call.task.unreached", direction="inbound", result="missed")],
            ["call.log", True, because("call.log.on", log="all")],
        ]
        values: dict[str, Any] = {
            "state": state,
            "known": {"found": [
                ["contact", "phone", number, [marie]], ["lead", "phone", number, []], ["account", "phone", number, []],
            ]},
            "considered": considered,
            "finished_at": None if state == "applying" else at + timedelta(seconds=0.6),
            "requests": 1.5,
            **more,
        }  # fmt: skip
        with workspace_tx(self.workspace):
            return rows.Run.objects.create(
                workspace_id=self.workspace,
                target=self.target,
                epoch=1,
                subject=subject,
                flow="calls",
                revision=1,
                settings_version=1,
                started_at=at,
                **values,
            )

    def wrote(self, run: Run, role: str = "task", verb: str = "create", state: str = "done", **more: Any) -> Operation:
        """One write of a run."""
        number = next(_count)
        contact = {"$ref": ["contact", "7"]}
        values: dict[str, Any] = {
            "values": {"name": "Call Marie Duval back", "owner": ANNA, "due": "2026-11-23", "contact": contact},
            "external_id": f"5550{number:06}" if state == "done" else None,
            "reason": because("call.task.unreached", direction="inbound", result="missed"),
            **more,
        }
        with workspace_tx(self.workspace):
            return rows.Operation.objects.create(
                workspace_id=self.workspace,
                target=self.target,
                epoch=1,
                key=uuid.uuid4().hex,
                run=run,
                subject_id=run.subject_id,
                slot=role,
                verb=verb,
                role=role,
                state=state,
                requests=1,
                position=number,
                **values,
            )

    def done(self, number: str = "+33465712008", **more: Any) -> Run:
        """A whole call that went well: a task and a call record."""
        run = self.run(self.call(number, **more))
        self.wrote(run, "task")
        self.wrote(
            run, "call", values={"name": "Missed call", "direction": "inbound", "outcome": "missed", "owner": ANNA}
        )
        return run

    def question(self, number: str = "+390115550142", options: int = 2, **more: Any) -> InboxItem:
        """A call that fits several people."""
        subject = self.call(number, state="asked", why=because("call.several", number=number, count=options), **more)
        people = [
            ["contact", str(70 + one), {
                "name": ("Giulia Ferrari", "Gianni Ferrero")[one % 2], "phone": number, "owner": (ANNA, MIKKEL)[one % 2],
                "account": {"$ref": ["account", "9"]} if one % 2 == 0 else None,
                "last_activity": (datetime.now(UTC) - timedelta(days=3 if one % 2 == 0 else 900)).isoformat(),
            }]
            for one in range(options)
        ]  # fmt: skip
        reason = because("call.several", number=number, count=options)
        asked = {"kind": "several", "topic": number, "reason": reason, "options": people}
        run = self.run(subject, "asked", questions=[asked], considered=[["several.decide", True, reason]])
        with workspace_tx(self.workspace):
            return rows.InboxItem.objects.create(
                workspace_id=self.workspace,
                connection=self.target,
                flow="calls",
                kind="several",
                topic=number,
                reason=reason,
                options=people,
                subject=subject,
                run=run,
            )

    def notice(self, line: str = "+33186760417", times: int = 3) -> InboxItem:
        """A line that nobody manages."""
        with workspace_tx(self.workspace):
            return rows.InboxItem.objects.create(
                workspace_id=self.workspace,
                connection=self.target,
                flow="calls",
                kind="unknown_line",
                topic=line,
                reason=because("call.unknown_line", line=line),
                times=times,
            )

    def refused(self) -> RefusedDelivery:
        """A delivery with a wrong signature."""
        with workspace_tx(self.workspace):
            return rows.RefusedDelivery.objects.create(
                workspace_id=self.workspace,
                connection=self.source,
                status=401,
                reason=because("intake.signature_wrong"),
                method="POST",
                headers={"x-signature": "•••"},
                body='{"secret": •••}',
            )

    def signed(self) -> None:
        """The phone system signs what it sends from now on."""
        self.signature = "verified"
        with workspace_tx(self.workspace):
            rows.Secret.objects.create(
                workspace_id=self.workspace, connection=self.source, name="signing_secret", sealed=b"sealed"
            )


def shown(kind: str, id: int) -> str:
    """The public id of a row."""
    from tieline.store import public_ids

    return public_ids.of(kind).show(id)


def fill(day: MadeDay, count: int) -> None:
    """So many calls with a run and two writes each, spread over ninety days, made in three statements."""
    values = {"workspace": day.workspace, "target": day.target.pk, "source": day.source.pk, "count": count}
    with workspace_tx(day.workspace) as cursor:
        cursor.execute(
            """
            INSERT INTO store_subject (workspace_id, target_id, epoch, flow, source_id, key, subject, state, lanes, revision,
                                       attempts, own, answers, live, arrived_at)
            SELECT %(workspace)s, %(target)s, 1, 'calls', %(source)s, 'many-' || n,
                   json_build_object('key', 'many-' || n, 'direction', 'inbound', 'external', '+3346' || (5000000 + n %% 90000),
                                     'line', '+33186760411', 'result', 'missed', 'state', 'ended', 'total_s', 20),
                   'done', ARRAY['phone:+3346' || (5000000 + n %% 90000)], 1, 0, '{}', '{}', true,
                   now() - (%(count)s - n) * interval '90 days' / %(count)s
              FROM generate_series(1, %(count)s) AS n
            """,
            values,
        )
        cursor.execute(
            """
            INSERT INTO store_run (workspace_id, target_id, epoch, subject_id, flow, revision, state, settings_version, known,
                                   considered, questions, notices, started_at, finished_at, requests)
            SELECT s.workspace_id, s.target_id, 1, s.id, 'calls', 1,
                   CASE WHEN s.id %% 500 = 0 THEN 'failed' WHEN s.id %% 9 = 0 THEN 'nothing' ELSE 'done' END, 1,
                   json_build_object('found', json_build_array(json_build_array('contact', 'phone', 'x', json_build_array(
                     json_build_array('c' || s.id, json_build_object('name', 'Person ' || s.id)))))),
                   '[["call.log", true, {"code": "call.log.on", "params": {"log": "all"}}]]', '[]', '[]',
                   s.arrived_at, s.arrived_at + interval '1 second', 1
              FROM store_subject s WHERE s.workspace_id = %(workspace)s AND s.key LIKE 'many-%%'
            """,
            values,
        )
        cursor.execute(
            """
            INSERT INTO store_operation (workspace_id, target_id, epoch, key, run_id, subject_id, slot, verb, role, values,
                                         before, state, reason, match_keys, external_id, attempts, position, requests)
            SELECT r.workspace_id, r.target_id, 1, md5(r.id || role), r.id, r.subject_id, role, 'create', role,
                   json_build_object('name', 'Person ' || r.id, 'owner', '501'), '{}', 'done', '{"code": "call.log.on"}', '[]',
                   role || r.id, 1, 1, 0.5
              FROM store_run r, unnest(ARRAY['task', 'call']) AS role
             WHERE r.workspace_id = %(workspace)s AND r.requests = 1
            """,
            values,
        )
