"""Every code of customers kept the same has a sentence that asks for nothing the code does not have, and names the two systems."""

from __future__ import annotations

import re

import pytest

from tieline.core.reasons import DECLARED, because

pytestmark = pytest.mark.usefixtures("web")

PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@pytest.mark.proves("HUB-11")
def test_every_code_has_its_sentence_and_every_sentence_its_code() -> None:
    import tieline.core.linkage
    import tieline.flows.customers
    from tieline.web.words import customers

    assert tieline.core.linkage.ADDS in DECLARED
    assert tieline.flows.customers.CUSTOMERS.name == "customers"
    declared = {code for code in DECLARED if code.startswith("customers.")}
    assert customers.SENTENCES.keys() == declared


def test_a_sentence_asks_for_nothing_that_its_code_does_not_have() -> None:
    import tieline.flows.customers  # noqa: F401  declares them
    from tieline.web.words import customers

    wrong = {}
    for code, text in customers.SENTENCES.items():
        allowed = set(DECLARED[code]) | ({"side_first"} if "side" in DECLARED[code] else set())
        if unknown := set(PLACEHOLDER.findall(str(text))) - allowed:
            wrong[code] = unknown
    assert wrong == {}


def test_a_refusal_is_said_of_the_system_that_refused() -> None:
    from tieline.engine.sync import reasons  # noqa: F401  declares it
    from tieline.web.words import say
    from tieline.web.words.customers import named

    odd = {"vendor_code": "E1", "field": "vat", "detail": ""}
    with named("Zoho CRM", "e-conomic"):
        assert say(because("sync.rejected", side="right", **odd)) == "e-conomic does not take it: e-conomic says “E1”."
        assert say(because("sync.rejected", side="left", **odd)).startswith("Zoho CRM does not take it: Zoho CRM says")
        assert say({"code": "sync.rejected", "params": odd}).startswith("The other system does not take it: ")


def test_sides_lines_and_lists_are_named_as_people_name_them() -> None:
    from tieline.flows.customers import reasons as r
    from tieline.web.words import customers, say

    required = because(r.REQUIRED, side="right", fields=["group", "vat_zone"])
    assert say(required) == "A new record in the other system needs what nobody gives: Customer group, VAT zone."
    with customers.named(left="Zoho CRM", right="e-conomic"):
        assert "in e-conomic" in say(required)
        assert say(because(r.CLASH_ROLE, role="contact", side="right")) == "e-conomic has no “Contact persons”."
    assert say(because(r.MATCHED, rule="registration_number")) == "The two are the same by their registration number."
    assert (
        say(because("customers.evidence.name.like", left="a", right="b", percent=91)) == "Names alike to 91 %: a and b"
    )
    assert say(because("customers.conflict.too_close", seconds=1.0)).startswith("Both sides changed it within 1")
    assert say(because(r.CLASH_NO_ROLE)).endswith("nor contact persons.")
