"""Phone calls become the right records in a CRM."""

from tieline.flows.calls.flow import FLOW

__all__ = ["FLOW"]
