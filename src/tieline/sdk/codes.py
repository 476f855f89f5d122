"""Codes of errors that the sdk and connectors raise beside those of `core.errors`, declared so that each has its words."""

from __future__ import annotations

from tieline.core.reasons import declare

TIMEOUT = declare("error.timeout")
"""A read was not answered in time."""
TOKEN_RENEWED = declare("error.token_renewed")
"""A write was refused for an old token; there is a new one now."""
REFUSED = declare("error.refused", "status")
"""A clear no that nobody took as an outcome."""
PERMISSION = declare("error.permission", "scope", "vendor_code")
"""The right was granted, but the connected user's own profile does not allow it."""
NOT_CONNECTED = declare("error.not_connected")
"""Nobody has consented yet, or the grant was taken back."""
CONSENT_REFUSED = declare("error.consent_refused")
"""The person said no on the vendor's page."""
STATE = declare("error.state")
"""A redirect that answers no question of ours: too late, or somebody else's."""
MODULE_MISSING = declare("error.module_missing", "module")
"""The account has not bought, or not switched on, what its API needs."""
