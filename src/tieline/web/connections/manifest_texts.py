"""Labels and help of connectors' manifests, marked for translation. A test holds this list against the manifests."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

TEXTS: Final = (
    # SipSim
    _("Signing secret"),
    _("Shown in SipSim beside the webhook address. Leave it empty for the older webhooks, which are not signed: then the secret in the address is what protects it."),
    _("API token"),
    _("Needs the rights calls.read and phones.read. Without it, lines are typed by hand and lost events cannot be fetched again."),
    # Ringover
    _("Webhook key"),
    _("Ringover shows it under the block of call events, where you type the address. Each block has a key of its own."),
    _("API key"),
    _("Ringover dashboard, Developer, with the right to read calls and numbers. Without it, lines are typed by hand and lost events cannot be fetched again."),
    # Signed webhook
    _("What your telephone system signs with: whsec_ and the secret in base64. Leave it empty if it cannot sign: then the secret in the address is what protects it."),
    # Aircall
    _("Webhook token"),
    _("Aircall shows it once the webhook is made. It is in every event and proves it; leave it empty until then."),
    _("API ID"),
    _("Aircall dashboard, Integrations & API, API keys. Without it, lines are typed by hand, lost events cannot be fetched again, and recordings cannot be copied."),
    _("Shown once, together with the API ID."),
    # Twilio
    _("Account SID"),
    _("On the first page of the Twilio console. Of a subaccount, its own."),
    _("Auth token"),
    _("Beside the account SID. Twilio signs its callbacks with it, and it lets us list your numbers and fetch lost calls again."),
    _("Secondary auth token"),
    _("Only while you exchange the auth token: callbacks signed with either are taken."),
    # Tryton
    _("Address of the server"),
    _("Database"),
    _("The name that people choose when they sign in to Tryton."),
    _("Application key"),
    _('In Tryton: the user\'s preferences, Applications, a new one for "REST API", validated by an administrator. Give the user the groups Party Administration, Sales and Sale Opportunity.'),
    _("Category of persons"),
    _("Tryton does not tell persons from companies. Parties in this category are contacts, all others are accounts."),
    _("Relation of a person to the company"),
    _("The type of relation that links a contact to its account. It needs the module party_relationship."),
    # CardDAV
    _("The server's address, or the one of the address book itself."),
    _("User name"),
    _("Password"),
    _("Where the server has app passwords, make one for Tieline."),
    _("Address book"),
    _("Its name, where there are several. Without one the first is taken."),
    # e-conomic
    _("App secret token"),
    _("From your app in e-conomic's developer agreement. It says which app asks."),
    _("Agreement grant token"),
    _("Shown when a superuser of your agreement opens the app's installation address and says yes. It says whose books are asked for."),
    _("Secret of the webhook"),
    _("Leave it empty: Tieline makes one when it sets the webhook up. Fill it in only for a webhook that you made yourself in e-conomic."),
    # Zoho CRM
    _("Client ID"),
    _("From Zoho's API console: a server-based application with this page's redirect address."),
    _("Client secret"),
    _("Shown beside the client ID. Each data centre may have its own."),
)  # fmt: skip


def said(text: str) -> str:
    """A manifest's text in the reader's language; as it stands where nobody has translated it."""
    return gettext(text) if text else ""
