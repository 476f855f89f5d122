"""Pages: companies with people in each role, clients that are signed in as them, and a server for the browser."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.browser import browser_page, chromium

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import Installation

os.environ.setdefault("TIELINE_SAMPLES", "1")  # read when the settings are; before any test of this process runs

__all__ = ["browser_page", "chromium"]

PASSWORD = "correct horse battery"


@dataclass
class Company:
    """A workspace with one person in each role; `users` by role."""

    key: str
    name: str
    workspace: Any
    users: dict[str, Any] = field(default_factory=dict)

    def url(self, path: str = "/") -> str:
        """A path inside the workspace."""
        return f"/w/{self.key}{path}"


@pytest.fixture(scope="session")
def web(installation: Installation) -> Iterator[Installation]:
    """The installation with static files, and Django's test signals on (templates and contexts of answers)."""
    from django.core.management import call_command
    from django.test import utils

    call_command("collectstatic", interactive=False, verbosity=0)
    ours = not hasattr(utils._TestState, "saved_data")
    if ours:
        utils.setup_test_environment()
    yield installation
    if ours:
        utils.teardown_test_environment()


@pytest.fixture
def make_company(web: Installation) -> Callable[[], Company]:
    """A fresh company, as often as asked."""

    def make() -> Company:
        from tieline.store.team import people
        from tieline.store.team.models import Role

        tag = secrets.token_hex(4)
        workspace = people.create_workspace(f"Nordlys {tag}", zone="Europe/Copenhagen", country="DK")
        company = Company(workspace.key, workspace.name, workspace)
        for role in Role:
            user = people.create_user(f"{role.value}.{tag}@nordlys.example", f"Anna {role.value.title()}", PASSWORD)
            people.add_member(workspace, user, role)
            company.users[role.value] = user
        return company

    return make


@pytest.fixture
def company(make_company: Callable[[], Company]) -> Company:
    """A fresh company."""
    return make_company()


@pytest.fixture
def client(web: Installation) -> Client:
    """A browser of nobody."""
    from django.test import Client

    return Client()


@pytest.fixture
def signed_in(web: Installation) -> Callable[[Any], Client]:
    """A browser in which this user is signed in, without the sign-in page."""
    from django.test import Client

    def sign_in(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture(scope="session")
def site(web: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server in a process of its own, as it runs outside of tests."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("site") / "server.log").open("w+")
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "tieline.project.asgi:application",
            "--port",
            str(port),
            "--log-level",
            "warning",
        ],
        env=os.environ | {"TIELINE_SAMPLES": "1"},
        stdout=log,
        stderr=log,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/sign-in/", timeout=5).close()
                break
            except OSError:  # not there yet, or too busy to answer
                if server.poll() is not None:
                    break
                time.sleep(0.25)
        else:
            server.kill()
        if server.poll() is not None:
            log.seek(0)
            pytest.fail(f"the server did not start: {log.read()[-2000:]}")
        yield address
    finally:
        server.terminate()
        server.wait(20)
        log.close()
