"""Rows of work, by subject. Pages read them through `workspace_tx`; bulk paths use SQL of their own."""

from tieline.store.models.backfill import Backfill, BackfillState
from tieline.store.models.connections import (
    Budget,
    Connection,
    ConnectionState,
    Consent,
    CrmUser,
    Cursor,
    Grant,
    OAuthClient,
    RefusedDelivery,
    SchemaSnapshot,
    Secret,
)
from tieline.store.models.events import Event, EventSubject, OpenEvent, RefusedEvent
from tieline.store.models.flows import FlowSetting, FlowSource, FlowState, FlowVersion
from tieline.store.models.hooks import DeliveryState, Hook, HookDelivery
from tieline.store.models.imports import Import, ImportState
from tieline.store.models.machinery import Chore, Hold, PairHold, Worker
from tieline.store.models.notifications import Mail, MailState, Notification, NotificationChoice, ToldStop
from tieline.store.models.pairs import (
    PairState,
    Subscription,
    SyncCount,
    SyncEvent,
    SyncLink,
    SyncOld,
    SyncOperation,
    SyncPair,
    SyncPairVersion,
    SyncReport,
    SyncRun,
    SyncWaiting,
)
from tieline.store.models.people import Audit, Happening, InboxItem, InboxState, Remembered
from tieline.store.models.replays import Replay, ReplayedSubject
from tieline.store.models.runs import Link, Operation, OwnKey, Run
from tieline.store.models.subjects import Subject
from tieline.store.models.undos import Undo, UndoItem, UndoRun, UndoState

__all__ = [
    "Audit",
    "Backfill",
    "BackfillState",
    "Budget",
    "Chore",
    "Connection",
    "ConnectionState",
    "Consent",
    "CrmUser",
    "Cursor",
    "DeliveryState",
    "Event",
    "EventSubject",
    "FlowSetting",
    "FlowSource",
    "FlowState",
    "FlowVersion",
    "Grant",
    "Happening",
    "Hold",
    "Hook",
    "HookDelivery",
    "Import",
    "ImportState",
    "InboxItem",
    "InboxState",
    "Link",
    "Mail",
    "MailState",
    "Notification",
    "NotificationChoice",
    "OAuthClient",
    "OpenEvent",
    "Operation",
    "OwnKey",
    "PairHold",
    "PairState",
    "RefusedDelivery",
    "RefusedEvent",
    "Remembered",
    "Replay",
    "ReplayedSubject",
    "Run",
    "SchemaSnapshot",
    "Secret",
    "Subject",
    "Subscription",
    "SyncCount",
    "SyncEvent",
    "SyncLink",
    "SyncOld",
    "SyncOperation",
    "SyncPair",
    "SyncPairVersion",
    "SyncReport",
    "SyncRun",
    "SyncWaiting",
    "ToldStop",
    "Undo",
    "UndoItem",
    "UndoRun",
    "UndoState",
    "Worker",
]
