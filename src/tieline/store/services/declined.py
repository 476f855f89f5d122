"""Why something that a person asked for was not done: a code with parameters, never a sentence."""

from __future__ import annotations

from tieline.core.errors import (
    AuthError,
    ConfigError,
    ProtocolError,
    RateLimitedError,
    ScopeError,
    TielineError,
)


class DeclinedError(Exception):
    """`code` names the sentence (`CODES`), `params` fill it in. `field` is the typed field that it is about, if one is."""

    def __init__(self, code: str, *, field: str = "", **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.params = params


CODES: dict[str, frozenset[str]] = {
    "connection.gone": frozenset(),
    "connection.no_connector": frozenset({"connector"}),
    "connection.disconnected": frozenset({"title"}),
    "connection.no_sandbox": frozenset({"vendor"}),
    "connection.field_required": frozenset({"label"}),
    "connection.field_long": frozenset({"label"}),
    "connection.other_account": frozenset({"vendor", "known", "found"}),
    "connection.line_invalid": frozenset({"line"}),
    "backfill.no_list": frozenset({"vendor"}),
    "backfill.no_access": frozenset({"vendor"}),
    "backfill.no_flow": frozenset({"vendor"}),
    "backfill.running": frozenset({"title"}),
    "backfill.none_running": frozenset(),
    "backfill.no_span": frozenset(),
    "backfill.too_long": frozenset({"days"}),
    "vendor.too_slow": frozenset({"vendor", "seconds"}),
    "vendor.unreachable": frozenset({"vendor"}),
    "vendor.refused": frozenset({"vendor"}),
    "vendor.scope": frozenset({"vendor", "scope"}),
    "vendor.config": frozenset({"vendor", "setting"}),
    "vendor.busy": frozenset({"vendor"}),
    "vendor.odd_answer": frozenset({"vendor"}),
    "consent.unknown": frozenset(),
    "consent.other_person": frozenset(),
    "consent.no_client": frozenset({"vendor"}),
    "consent.not_oauth": frozenset({"vendor"}),
    "consent.no_code": frozenset({"vendor"}),
    "consent.client_wrong": frozenset({"vendor", "setting"}),
    "consent.no_refresh": frozenset({"vendor"}),
    "flow.unknown": frozenset({"flow"}),
    "flow.not_set_up": frozenset(),
    "flow.changed_meanwhile": frozenset(),
    "flow.clashes": frozenset({"count"}),
    "flow.malformed": frozenset({"places"}),
    "flow.no_target": frozenset(),
    "flow.none_free": frozenset({"title"}),
    "flow.target_not_active": frozenset({"title"}),
    "flow.waits_for_consent": frozenset({"vendor"}),
    "team.gone": frozenset(),
    "team.role_unknown": frozenset({"role"}),
    "team.last_super_admin": frozenset(),
    "team.bad_address": frozenset(),
    "team.already_in": frozenset({"email"}),
    "team.days": frozenset({"days"}),
    "team.invitation_gone": frozenset(),
    "team.own_factor_first": frozenset(),
    "workspace.no_name": frozenset(),
    "workspace.zone_unknown": frozenset({"zone"}),
    "workspace.country_unknown": frozenset({"country"}),
    "workspace.language_unknown": frozenset({"language"}),
    "import.gone": frozenset(),
    "import.started": frozenset(),
    "import.empty": frozenset(),
    "import.too_large": frozenset({"megabytes"}),
    "import.too_many": frozenset({"most"}),
    "import.not_text": frozenset(),
    "import.lacking": frozenset(),
    "import.zone": frozenset({"zone"}),
    "hook.gone": frozenset(),
    "hook.off": frozenset(),
    "hook.no_title": frozenset(),
    "hook.no_kinds": frozenset(),
    "hook.bad_address": frozenset(),
    "hook.private_address": frozenset(),
    "hook.too_many": frozenset({"most"}),
    "hook.no_message": frozenset(),
    "inbox.gone": frozenset(),
    "inbox.no_choice": frozenset(),
    "inbox.not_a_notice": frozenset(),
    "inbox.not_remembered": frozenset(),
    "inbox.nothing_to_take_back": frozenset(),
    "inbox.already_decided": frozenset(),
    "notification.no_such_choice": frozenset(),
    "undo.not_there": frozenset(),
    "undo.nothing": frozenset(),
    "undo.undone_before": frozenset(),
    "undo.not_done": frozenset(),
    "undo.not_ready": frozenset(),
    "undo.replanned": frozenset(),
    "undo.deletes": frozenset({"count", "most"}),
    "replay.gone": frozenset(),
    "replay.not_done": frozenset(),
    "replay.other_crm": frozenset(),
    "replay.settings_moved": frozenset(),
    "replay.applied_before": frozenset(),
    "replay.not_live": frozenset(),
    "replay.not_in_force": frozenset(),
    "connection.no_feed": frozenset({"title"}),
    "pair.gone": frozenset(),
    "pair.not_two": frozenset(),
    "pair.there_already": frozenset(),
    "pair.off": frozenset(),
    "pair.watching": frozenset(),
    "pair.no_such_run": frozenset(),
    "pair.running_already": frozenset(),
    "pair.run_over": frozenset(),
    "pair.nothing_to_approve": frozenset(),
    "pair.approved_before": frozenset(),
    "pair.not_linked": frozenset(),
    "pair.not_kept": frozenset(),
    "panel.bad_origin": frozenset({"origin"}),
}
"""Every code with its parameters; pages have a sentence for each."""


def of_vendor(error: TielineError | TimeoutError, vendor: str, *, seconds: float = 0) -> DeclinedError:
    """What a vendor's trouble means to the person who waits for the answer. `vendor` is the manifest's title."""
    if isinstance(error, TimeoutError):
        return DeclinedError("vendor.too_slow", vendor=vendor, seconds=round(seconds))
    if isinstance(error, AuthError):
        return DeclinedError("vendor.refused", vendor=vendor)
    if isinstance(error, ScopeError):
        return DeclinedError("vendor.scope", vendor=vendor, scope=str(error.params.get("scope", "")))
    if isinstance(error, ConfigError):
        setting = str(error.params.get("setting", ""))
        return DeclinedError("vendor.config", field=setting, vendor=vendor, setting=setting)
    if isinstance(error, RateLimitedError):
        return DeclinedError("vendor.busy", vendor=vendor)
    if isinstance(error, ProtocolError):
        return DeclinedError("vendor.odd_answer", vendor=vendor)
    return DeclinedError("vendor.unreachable", vendor=vendor)
