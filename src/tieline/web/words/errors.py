"""Sentences of errors: what another system did, what our own database did. Their codes stand in rows and in logs."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: Final[dict[str, str | Promise]] = {
    "error.internal": _("Tieline made a mistake of its own; the server’s log says more."),
    "error.transient": _("The other system did not answer properly."),
    "error.timeout": _("The other system did not answer in time."),
    "error.rate_limited": _("The other system asks for a pause."),
    "error.unknown_outcome": _("The answer was lost, so nobody knows yet whether it was written."),
    "error.auth": _("The other system refuses Tieline’s access."),
    "error.token_renewed": _("The access ran out and was renewed."),
    "error.not_connected": _("There is no access to it yet."),
    "error.consent_refused": _("The consent was refused."),
    "error.state": _("The consent came back for another browser or too late."),
    "error.scope": _("A right is missing: %(scope)s."),
    "error.permission": _("The connected user may not do this there: %(scope)s."),
    "error.config": _("A setting does not fit there: %(setting)s."),
    "error.module_missing": _("A module is not active in the account there: %(module)s."),
    "error.protocol": _("The other system answered in a way that Tieline does not know."),
    "error.refused": _("The other system refused the request as a whole."),
    "error.safety_stop": _("It would change more than is allowed without asking."),
    "error.file": _("The recording could not be fetched."),
    "error.seal_broken": _("A stored secret does not open with this installation’s key."),
    "database.start_failed": _("The database did not start. The end of its log: %(log)s"),
    "database.start_slow": _("The database did not get ready within %(seconds)s."),
    "database.stop_failed": _("The database did not stop (process %(pid)s)."),
    "database.init_failed": _("The database could not be made: %(log)s"),
    "database.no_programs": _("The database’s programs are not where they should be: %(path)s"),
    "database.no_place": _("The database has no folder that it may use: %(path)s"),
    "database.no_user": _("There is no system user to run the database as. Tried: %(tried)s"),
    "database.other_version": _("The data are of Postgres %(found)s and the programs of %(wanted)s."),
    "database.keys_unreadable": _("The database’s key file cannot be read: %(path)s"),
    "database.app_role_refused": _("The database does not let Tieline make its role %(role_name)s."),
}

REFUSALS: Final[dict[str, str | Promise]] = {
    "required": _("%(the_field)s must have a value"),
    "too_long": _("the value is too long for %(the_field)s"),
    "invalid": _("%(the_field)s does not take this value"),
    "duplicate": _("there is such a record already"),
    "permission": _("the connected user may not do this"),
    "limit": _("a limit of the CRM is reached"),
    "unknown": _("the CRM has no such place: %(the_field)s"),
    "read_only": _("%(the_field)s cannot be changed"),
    "state": _("the record’s state does not allow it"),
    "rule": _("a rule of the CRM forbids it"),
    "other": _("the CRM says “%(vendor_code)s”"),
}
"""Why a vendor refused one record, its own codes grouped."""

REFUSALS_BY_NAME: Final[dict[str, str | Promise]] = {
    "limit": _("a limit of %(system)s is reached"),
    "unknown": _("%(system)s has no such place: %(the_field)s"),
    "rule": _("a rule of %(system)s forbids it"),
    "other": _("%(system)s says “%(vendor_code)s”"),
}
"""The same where more than one system may refuse: by its name."""

GROUPS: Final[dict[str, frozenset[str]]] = {
    "required": frozenset(
        {"MANDATORY_NOT_FOUND", "REQUIRED_PARAM_MISSING", "EXPECTED_FIELD_MISSING", "EXPECTED_PARAM_MISSING",
         "DEPENDENT_FIELD_MISSING", "required", "CustomerMissingName", "CustomerContactNameNullOrEmpty"}
    ),
    "too_long": frozenset({"too_long"}),
    "invalid": frozenset({"INVALID_DATA", "DEPENDENT_MISMATCH", "EXPIRED_VALUE", "INVALID_REFERENCE", "invalid", "wrong_type", "E04300", "E07140",
                          "CustomerInvalidName", "CustomerInvalidEmail", "CustomerInvalidGroupId", "CustomerInvalidVatZone",
                          "CustomerInvalidPaymentTerm", "CustomerInvalidEAN", "CustomerInvalidEANThirteenDigits", "CustomerInvalidPNumber",
                          "CustomerInvalidDefaultAttention", "CustomerDoesNotExist", "InvalidValue"}),
    "duplicate": frozenset({"DUPLICATE_DATA", "DUPLICATE_LINKING_DATA", "not_unique", "CustomerAlreadyExists", "CustomerContactNameAlreadyExists",
                            "no-uid-conflict"}),
    "permission": frozenset({"NO_PERMISSION", "NOT_ALLOWED", "AUTHORIZATION_FAILED", "forbidden"}),
    "limit": frozenset({"LIMIT_EXCEEDED", "LIMIT_REACHED", "FILE_SIZE_MORE_THAN_ALLOWED_SIZE", "STORAGE_LIMIT_EXCEEDED", "insufficient_storage",
                        "max-resource-size", "quota-not-exceeded", "sufficient-disk-space", "too_large"}),
    "unknown": frozenset({"INVALID_MODULE", "NOT_SUPPORTED", "unknown_field", "unknown_object", "UnknownField"}),
    "read_only": frozenset({"CANNOT_UPDATE_DELETED", "FIELD_READ_ONLY", "read_only", "ReadOnly", "CustomerannotChangeNumber", "CustomerNumberMismatch"}),
    "state": frozenset({"RECORD_LOCKED", "RECORD_IN_BLUEPRINT", "ID_ALREADY_CONVERTED", "NOT_APPROVED", "not_possible_now", "CustomerContactIsInUse"}),
    "rule": frozenset({"rule", "CRITERIA_MISMATCH", "precondition", "supported-address-data", "valid-address-data", "not_a_card"}),
}  # fmt: skip
"""Group → the vendors' own words for it (Zoho in capitals, Tryton's connector in small letters, e-conomic in capitals and small ones,
CardDAV with hyphens)."""


def group_of(vendor_code: str) -> str:
    """The group of a vendor's code; "other" for what none of them names."""
    return next((group for group, codes in GROUPS.items() if vendor_code in codes), "other")
