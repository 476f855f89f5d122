"""The conformance kit: what every connector promises, run on every connector folder that is found.

A connector brings ``tests.py`` with ``subject()``, an async context manager that gives a ready `Subject`: the connector on
its sandbox (or on a real server behind a proxy that can fail), and what the kit must know to use it. The promises are
plain async functions, found by facet: ``promises(facet)``. A suite is one parametrised test:

    @pytest.mark.parametrize(("name", "promise"), cases())
    async def test_conformance(name, promise): ...
"""

from tieline.sdk.conformance.promises import Promise, cases, run
from tieline.sdk.conformance.subject import Kept, Subject

__all__ = ["Kept", "Promise", "Subject", "cases", "run"]
