"""The API against its own description: random requests get what is described, and never a 5xx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup

from tests.api.conftest import everything

if TYPE_CHECKING:
    from tests.web.conftest import Company

EXAMPLES = 12
"""Of each route, without shrinking: what fails is shown as it is."""


@pytest.mark.timeout(900)
@pytest.mark.proves("HUB-8")
def test_what_is_answered_is_described(web: Any, company: Company) -> None:
    from django.core.wsgi import get_wsgi_application

    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    headers = {"Authorization": f"Bearer {everything(company).token}", "Accept-Encoding": "identity"}
    wrong: dict[str, str] = {}
    tried = 0
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
            derandomize=True,
            database=None,
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers)

        try:
            ask()
        except FailureGroup as failures:
            wrong[operation.label] = "; ".join(str(one) for one in failures.exceptions)[:600]
        tried += 1
    assert wrong == {}
    assert tried > 40
