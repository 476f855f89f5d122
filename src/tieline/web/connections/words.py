"""What is said about connections: sentences for codes from below, and the terms of the pages.

declined(error)          why something was not done, and what to do
ability(one), health_word(word), next_step(group)
rules(many)              rules that need a scope: "Calls: log calls, create leads"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.text import get_text_list
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from tieline.core.reasons import Reason
from tieline.store.services.declined import DeclinedError
from tieline.store.services.health import ErrorGroup
from tieline.store.services.offers import Ability
from tieline.store.services.scopes import Rule
from tieline.web import reasons

Words = Mapping[str, str | Promise]

DECLINED: Final[Words] = {
    "connection.gone": _("This connection is not there any more. Go back to the list."),
    "connection.no_connector": _("The connector “%(connector)s” is not installed here any more."),
    "connection.disconnected": _("%(title)s is disconnected. Connect it anew."),
    "connection.no_sandbox": _("This installation has no sandbox of %(vendor)s."),
    "connection.field_required": _("This is needed."),
    "connection.field_long": _("This is longer than anything that belongs here."),
    "connection.other_account": _(
        "This is another account of %(vendor)s: %(found)s instead of %(known)s. Nothing was changed. Sign in at %(vendor)s with the account of %(known)s, or make a new connection."
    ),
    "connection.line_invalid": _("“%(line)s” is not a phone number. Write one line each: number, comma, name."),
    "backfill.no_list": _("%(vendor)s has no list of calls that could be asked."),
    "backfill.no_access": _("%(vendor)s cannot be asked without its API token. Type it first."),
    "backfill.no_flow": _("No flow listens to this connection, so nothing would come of its calls. Set up Calls first."),
    "backfill.running": _("Calls of %(title)s are being fetched already. Wait until that is done, or stop it."),
    "backfill.none_running": _("Nothing is being fetched any more."),
    "backfill.no_span": _("Choose a time in the past to begin with."),
    "backfill.too_long": _("Choose a time of at most %(days)s days."),
    "vendor.too_slow": _("%(vendor)s did not answer within %(seconds)s seconds. Nothing was kept. Try again in a moment."),
    "vendor.unreachable": _("%(vendor)s cannot be reached or does not answer properly. Nothing was kept. Check the address, then try again."),
    "vendor.refused": _("%(vendor)s refused these credentials. Nothing was kept. Check that they were copied whole and are still valid there."),
    "vendor.scope": _("%(vendor)s says that a right is lacking: %(scope)s. Nothing was kept. Give it that right there, then try again."),
    "vendor.config": _("%(vendor)s cannot work with what was typed (%(setting)s). Nothing was kept. Correct it, then try again."),
    "vendor.busy": _("%(vendor)s asks us to slow down. Nothing was kept. Try again in a minute."),
    "vendor.odd_answer": _("What answered is not %(vendor)s as its documentation describes it. Nothing was kept. Check the address."),
    "consent.unknown": _("This consent was answered before, or it took longer than half an hour. No connection was made. Begin again."),
    "consent.other_person": _("Somebody else began this consent. Whoever begins it also finishes it. No connection was made."),
    "consent.no_client": _("This installation is not registered at %(vendor)s yet. A super admin does that once."),
    "consent.not_oauth": _("%(vendor)s is connected by a form, not by consent."),
    "consent.no_code": _("%(vendor)s sent you back without saying yes or no. No connection was made. Try again."),
    "consent.client_wrong": _("%(vendor)s does not know this installation (%(setting)s). No connection was made. Check client ID, secret and redirect address."),
    "consent.no_refresh": _("%(vendor)s gave access for an hour only, which is of no use. No connection was made. Remove Tieline from your authorised applications at %(vendor)s, then try again."),
    "flow.unknown": _("There is no flow “%(flow)s” here."),
    "flow.not_set_up": _("This flow has no settings yet. Connect a CRM first."),
    "flow.changed_meanwhile": _("Somebody else saved these settings meanwhile. Load the page again and repeat your change."),
    "flow.clashes": _("These settings contradict each other in %(count)s places. Nothing was saved."),
    "flow.malformed": _("These settings cannot be read: %(places)s. Nothing was saved."),
    "flow.none_free": _("There is nothing that %(title)s could take over: whatever writes to a CRM has one."),
    "flow.no_target": _("There is no CRM to write to. Connect one first."),
    "flow.target_not_active": _("%(title)s is disconnected. Connect a CRM first."),
    "flow.waits_for_consent": _("The settings wait for a consent at %(vendor)s. Give it first."),
    "team.gone": _("This person is not in the team any more."),
    "team.role_unknown": _("There is no role “%(role)s”."),
    "team.last_super_admin": _("This is the last super admin. Make somebody else one first."),
    "team.bad_address": _("This is not an e-mail address."),
    "team.already_in": _("%(email)s is in the team already."),
    "team.days": _("An invitation is good for 1, 7 or 30 days, not for %(days)s."),
    "team.invitation_gone": _("This invitation was accepted or taken back meanwhile."),
    "team.own_factor_first": _("Set up a second factor of your own first: you could not come back in without one."),
    "workspace.no_name": _("The workspace needs a name."),
    "workspace.zone_unknown": _("There is no time zone “%(zone)s”."),
    "workspace.country_unknown": _("There is no country “%(country)s”."),
    "workspace.language_unknown": _("Tieline does not write “%(language)s”."),
    "hook.gone": _("This webhook is not there any more."),
    "hook.off": _("This webhook is switched off. Switch it on first."),
    "hook.no_title": _("Give the webhook a name."),
    "hook.no_kinds": _("Choose at least one thing that it is to be told of."),
    "hook.bad_address": _("Give an address that begins with https://, without a user or a part behind #."),
    "hook.private_address": _("This address leads into a private network. Give one that the internet can reach."),
    "hook.too_many": _("There are %(most)s webhooks already, which is the most. End one first."),
    "hook.no_message": _("This message is not there any more."),
    "import.gone": _("This import is not there any more."),
    "import.started": _("This import has begun or is over: it cannot be changed any more."),
    "import.empty": _("There is no row of calls in this file. Choose a file with one call in each row."),
    "import.too_large": _("This file is larger than %(megabytes)s MB. Cut it in two and import both."),
    "import.too_many": _("This file has more than %(most)s rows. Cut it in two and import both."),
    "import.not_text": _("This is not a text file. Save the list as CSV, then choose that file."),
    "import.lacking": _("Say first which columns hold the time, the direction and the number."),
    "import.zone": _("There is no time zone “%(zone)s”."),
    "inbox.gone": _("This question is not there any more."),
    "inbox.no_choice": _("Choose one of the answers first."),
    "inbox.not_a_notice": _("This one waits for a decision; it cannot be put aside."),
    "inbox.not_remembered": _("This answer cannot hold for later cases: they are asked each time."),
    "inbox.nothing_to_take_back": _("You have decided nothing that could be taken back."),
    "inbox.already_decided": _("The call has gone on with your last decision already. Undo its run to take back what was written."),
    "notification.no_such_choice": _("Choose for each of the kinds that stand there how you want to be told."),
    "undo.not_there": _("This undo is no longer there."),
    "undo.nothing": _("There is nothing to undo: nothing was written, or it was undone before."),
    "undo.undone_before": _("This undo was undone before."),
    "undo.not_done": _("This undo is not done yet."),
    "undo.not_ready": _("This undo has moved on since you opened it."),
    "undo.deletes": _("This deletes %(count)s records, more than the %(most)s that may go without a word. Confirm how many, then they go."),
    "undo.replanned": _("The plan was made anew since you read it. Read it again, then approve it."),
    "replay.gone": _("This replay is not there any more."),
    "replay.not_done": _("This replay has not come to its end yet. Let it finish first."),
    "replay.other_crm": _("This replay was of another CRM. Begin a new one."),
    "replay.settings_moved": _("Other settings were saved since this replay was begun, so it no longer tells what would differ. Begin a new one."),
    "replay.applied_before": _("This replay was applied already. Begin a new one to see what is left."),
    "replay.not_live": _("The flow is in watch mode, so nothing is written. Switch it on first."),
    "replay.not_in_force": _("These settings are not in force. Go live with them first."),
    "connection.no_feed": _("%(title)s cannot tell of changes by itself, or is not set up to. It is asked for them instead."),
    "pair.gone": _("This pair was taken apart, or was never there. Go back to Customers."),
    "pair.not_two": _("Choose two different connections that hold customers or contact persons."),
    "pair.there_already": _("These two are joined already."),
    "pair.watching": _("This pair only watches: nothing is written. Switch writing on first, or make a dry run."),
    "pair.off": _("This pair is switched off: nobody is asked anything. Switch it on first."),
    "pair.no_such_run": _("There is no run of this kind."),
    "pair.running_already": _("Such a run is under way already. Wait until it is done, or stop it."),
    "pair.run_over": _("This run is over already."),
    "pair.nothing_to_approve": _("There is no finished dry run to approve here."),
    "pair.approved_before": _("This dry run was approved before. Make a new one to see what is left."),
    "pair.not_kept": _("Records of this kind are not kept the same. Switch them on in the rules first."),
    "pair.not_linked": _("This customer is linked with nothing yet, so there is nothing to keep the same."),
    "panel.bad_origin": _("“%(origin)s” is no address of a page’s origin. Write it as https://crm.example.com, without a path, ten at most."),
}  # fmt: skip
reasons.register(dict(DECLINED))

CATEGORIES: Final[Words] = {
    "crm": _("CRM"),
    "phone": pgettext_lazy("a kind of system", "Phone"),
    "accounting": _("Accounting"),
    "erp": _("ERP"),
    "address_book": _("Address book"),
    "proposals": _("Proposals"),
    "capture": _("Capture"),
    "work": pgettext_lazy("a kind of system", "Work"),
}

FLOWS: Final[Words] = {
    "calls": _("Calls"),
    "proposals": _("Proposals"),
    "customers": _("Customers"),
    "capture": _("Capture"),
    "outreach": _("Outreach"),
}

_ROLES: Final[Words] = {
    "account": _("accounts"),
    "lead": _("leads"),
    "contact": _("contacts"),
    "deal": _("deals"),
    "task": _("tasks"),
    "call": _("calls"),
}

_ABILITIES: Final[Words] = {
    "writes": _("creates %(roles)s"),
    "no_role": _("no %(roles)s"),
    "never_twice": _("refuses a second copy itself"),
    "looks_first": _("second copies are looked for first"),
    "no_mark": _("partly: doubles, by number only"),
    "consent": _("consent in the browser"),
    "instant": _("instant changes"),
    "asks_every": _("partly: changes, asked every %(minutes)s min"),
    "pipelines": _("pipelines and stages"),
    "files": _("files and recordings"),
    "no_files": _("no files"),
    "call_needs_parent": _("partly: calls, at a record only"),
    "call_events": _("call events"),
    "call_lists": _("imports call lists"),
    "signed": _("signed events"),
    "lines": _("lists its lines"),
    "backfill": _("fetches missed calls"),
    "recordings": _("recordings"),
}

HEALTH: Final[Words] = {
    "healthy": _("Healthy"),
    "paused": _("Paused"),
    "needs_reconnect": _("Refused"),
    "stopped": _("Stopped"),
    "trouble": _("Has trouble"),
    "refused_deliveries": _("Events refused"),
    "vendor_pause": _("Asked to wait"),
    "no_event_yet": _("No event yet"),
    "disconnected": _("Disconnected"),
}

WHY_FETCHED: Final[Words] = {
    "hand": _("by hand"),
    "gap": _("Tieline was away"),
    "refused": _("events were refused"),
    "no_end": _("a call’s end was missing"),
    "silent": _("no event for an hour"),
    "daily": _("the daily look"),
    "again": _("another try"),
}

RULES: Final[Words] = {
    "*": _("Any connection"),
    "undo": _("Undo: delete what Tieline made"),
    "call.log": _("log calls"),
    "call.recording": _("keep recordings"),
    "task.create": _("a task for each unreached call"),
    "lead.create": _("create leads"),
    "contact.create": _("create contacts"),
    "account.create": _("create accounts"),
    "deal.create": _("create deals"),
    "deal.place": _("pipeline and stage of deals"),
    "several.decide": _("decide when several records match"),
    "account.owner": _("owner of accounts"),
    "lead.owner": _("owner of leads"),
    "contact.owner": _("owner of contacts"),
    "deal.owner": _("owner of deals"),
    "task.owner": _("owner of tasks"),
    "call.owner": _("owner of call records"),
    "roles": _("read customers and contact persons"),
    "active": _("see when a customer becomes active"),
    "crm_new": _("create what is new in the CRM"),
    "crm_changed": _("change what was changed in the CRM"),
    "erp_created": _("create what is new in the ERP"),
    "erp_changed": _("change what was changed in the ERP"),
    "deletions.left": _("delete what was deleted in the CRM"),
    "deletions.right": _("delete what was deleted in the ERP"),
}

ERRORS: Final[Words] = {
    "error.internal": _("Tieline failed at it."),
    "error.transient": _("%(vendor)s did not answer properly."),
    "error.token_renewed": _("%(vendor)s did not answer properly."),
    "error.rate_limited": _("%(vendor)s asked us to slow down."),
    "error.unknown_outcome": _("Nobody knows yet whether %(vendor)s took a write."),
    "error.auth": _("%(vendor)s refuses our credentials."),
    "error.not_connected": _("Nobody has consented at %(vendor)s, or the consent was taken back there."),
    "error.scope": _("%(vendor)s says that a right is lacking: %(scope)s"),
    "error.config": _("%(vendor)s cannot work with a setting: %(setting)s"),
    "error.protocol": _("%(vendor)s answered in a way that Tieline does not know."),
    "error.safety_stop": _("More would be changed at once than is allowed without asking."),
    "error.seal_broken": _("Its secrets do not open with this installation’s key file."),
    "outcome.rejected": _("%(vendor)s did not take it: %(vendor_code)s %(field)s"),
    "outcome.stale": _("The record had changed in between."),
    "outcome.gone": _("The record is not there any more."),
    "outcome.unknown": _("Nobody knows yet whether %(vendor)s took a write."),
    "outcome.not_sent": _("It was not sent."),
    "outcome.blocked": _("The record that it hangs on was not made."),
    "outcome.too_many_tries": _("It failed too many times."),
    "event.unreadable": _("An event could not be read."),
    "event.not_folded": _("An event could not be put together with its call."),
    "lookup.endless": _("Looking the caller up did not come to an end."),
    "lookup.failed": _("Looking the caller up failed."),
    "decide.failed": _("The rules failed at it."),
    "intake.signature_wrong": _("The signature of an event is wrong."),
    "intake.not_of_contract": _("Something arrived that is no event of %(vendor)s."),
    "connection.no_origin": _("%(vendor)s did not let Tieline make its field."),
}

_STEPS: Final[Words] = {
    "error.auth": _("Reconnect. Work waits and goes on by itself afterwards."),
    "error.not_connected": _("Reconnect. Work waits and goes on by itself afterwards."),
    "error.scope": _("Reconnect, so that %(vendor)s asks for it, or switch the rule off."),
    "error.config": _("Correct it in the settings of the flow, or look again here."),
    "error.transient": _("Tieline tries again by itself. If it stays so, look at %(vendor)s’s status page."),
    "error.rate_limited": _("Nothing to do: Tieline waits as long as it was told, and live events go first."),
    "error.unknown_outcome": _("Nothing to do: Tieline looks for its mark before it writes again."),
    "outcome.unknown": _("Nothing to do: Tieline looks for its mark before it writes again."),
    "outcome.rejected": _("Open the run, correct the record or the rule, and try again from there."),
    "intake.signature_wrong": _("Copy the signing secret from %(vendor)s once more and replace it here. What was refused can be sent again there."),
    "intake.not_of_contract": _("Check that only %(vendor)s has this address. If others do, make a new one."),
    "connection.no_origin": _("Let an administrator of %(vendor)s look again here. Until then Tieline looks for doubles by number."),
}  # fmt: skip


def declined(error: DeclinedError) -> str:
    """Why it was not done, in the reader's language."""
    values = {
        name: ", ".join(map(str, one)) if isinstance(one, list | tuple) else one for name, one in error.params.items()
    }
    return filled(str(DECLINED.get(error.code, error.code)), values)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """The text with its %(names)s; one that is not given is left out."""
    return (text % _Lenient(values)).strip() if "%(" in text else text


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def listed(words: list[str]) -> str:
    """One list as the language writes it: "a, b and c"."""
    return get_text_list(words, gettext("and"))


def still_delivers(title: str) -> str:
    """After an end: a system goes on delivering to us."""
    return gettext("%(title)s goes on sending to an address that is no more. Take the webhook away there by hand.") % {
        "title": title
    }


def ability(one: Ability) -> str:
    """An ability in a few words."""
    values = dict(one.params)
    if "roles" in values:
        values["roles"] = listed([str(_ROLES.get(role, role)) for role in values["roles"]])
    if "seconds" in values:
        values["minutes"] = max(1, round(values["seconds"] / 60))
    return filled(str(_ABILITIES[one.code]), values)


def rules(many: Sequence[Rule]) -> list[str]:
    """Several rules, those of one flow together: "Calls: log calls, create leads"."""
    by_flow: dict[str, list[str]] = {}
    for one in many:
        by_flow.setdefault(one.flow, []).append(str(RULES.get(one.path, one.path)))
    return [
        gettext("%(flow)s: %(rule)s") % {"flow": FLOWS.get(flow, flow), "rule": ", ".join(said)}
        if flow
        else ", ".join(said)
        for flow, said in by_flow.items()
    ]


def error_said(raw: Mapping[str, Any] | None, vendor: str) -> str:
    """A stored error or reason as a sentence."""
    found = Reason.from_json(raw or {"code": "error.internal"})
    values = {"vendor": vendor, **found.params}
    if found.code in ERRORS:
        return filled(str(ERRORS[found.code]), values)
    if found.code in reasons.codes():
        return filled(reasons.sentence(found.code), values)
    return found.code


def next_step(group: ErrorGroup, vendor: str) -> str:
    """What to do about errors of one kind."""
    values = {"vendor": vendor, **group.params}
    if group.code in _STEPS:
        return filled(str(_STEPS[group.code]), values)
    if group.what == "subject":
        return gettext("It waits in the inbox until somebody tries it again.")
    return gettext("Open the run to see what it was about.")
