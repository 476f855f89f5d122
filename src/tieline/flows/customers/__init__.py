"""Customers and their contact persons kept the same in two systems (CUST-1 … 16). Pure; not driven by events, so there is no FLOW.

What the engine, the store and the pages call:

CUSTOMERS.load(raw)                 typed settings from stored JSON of any version
CUSTOMERS.defaults(left, right)     settings (JSON) that work unedited on these two Targets
CUSTOMERS.check(settings, targets)  .clashes (cannot be saved) and .remarks, each a core.flow.Clash
CUSTOMERS.conditions(settings, crm)  what may make a customer active there beside itself: deals, converted leads
CUSTOMERS.values_of(crm, role, field)  what a field of such a condition can hold, where there are only so many values
CUSTOMERS.needs(settings, side)     roles and verbs of a side, as core.flow.Need (scopes follow)
CUSTOMERS.of(settings, targets)     a pair's decisions, with its settings inside: what `engine.sync.customers.Customers` asks for
    .roles                          parents first
    .lines(role), .reads(role, side)
    .finds(role, side, record)      look-ups of the first match on the other side, rule by rule
    .likely(role, left, right)      of whole lists of both sides, who is likely the same though no rule says so
    .successor_finds(role, side, link)  look-ups on the side where a linked record is gone: what it was merged into (CUST-16)
    .watched                        records of the CRM to be pulled too, since a change there may make a customer active (CUST-3)
    .made_active(related)           the customer that such a record makes active
    .related_finds(role, record, told)  what leads to a customer and says whether it is active; answers go in as `related`
    .candidates(role, side, record, found, taken)
    .parent_fields(role)            of the CRM's record of its customer, for the mark; it goes in as `parent`
    .decide(role, left, right, link, told, found, times=, related=, taken=, parent=, parent_stopped=)

A link with `pending` whose decision is "keep" is whole again; "stop" keeps it as the memory that it is not kept the same.
"""

from tieline.flows.customers.flow import CUSTOMERS, Customers, PairRules
from tieline.flows.customers.settings import Settings

__all__ = ["CUSTOMERS", "Customers", "PairRules", "Settings"]
