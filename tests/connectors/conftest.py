"""The same vendor and session as in tests/sdk."""

from tests.sdk.conftest import session, vendor

__all__ = ["session", "vendor"]
