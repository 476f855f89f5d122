"""`tieline up`: the address that it prints is the one that its processes take people, events and consents by."""

from __future__ import annotations

from typing import Any

import pytest

from tieline import cli
from tieline.project import environment


class Started:
    """In place of the supervisor: what the children would be started with."""

    public = ""

    def __init__(self, children: Any, **more: Any) -> None:
        del children, more

    async def run(self) -> None:
        Started.public = environment.read().public_url


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `tieline up` up to the start of its children; what it printed."""
    from tieline import supervise
    from tieline.store import postgres

    monkeypatch.setattr(supervise, "Supervisor", Started)
    monkeypatch.setattr(postgres, "embedded", lambda: None)
    monkeypatch.setattr(cli, "_migrate", lambda _options: 0)
    monkeypatch.setattr(cli, "_say_first_link", lambda base: print(f"First time here: {base}/welcome/"))
    monkeypatch.setenv("TIELINE_PUBLIC_URL", "")

    def run(*options: str, public: str = "") -> list[str]:
        monkeypatch.setenv("TIELINE_PUBLIC_URL", public)
        assert cli.main(["up", *options]) == 0
        return capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize(
    ("options", "public", "address"),
    [
        ((), "", "http://127.0.0.1:8000"),
        (("--port", "9000"), "", "http://127.0.0.1:9000"),
        (("--host", "0.0.0.0"), "", "http://127.0.0.1:8000"),
        (("--host", "::", "--port", "9000"), "", "http://[::1]:9000"),
        (("--host", "10.0.0.7"), "", "http://10.0.0.7:8000"),
        ((), "https://tieline.example.com/", "https://tieline.example.com"),
        (("--host", "0.0.0.0", "--port", "9000"), "https://tieline.example.com", "https://tieline.example.com"),
    ],
)
def test_the_printed_link_is_of_the_address_that_counts(
    up: Any, options: tuple[str, ...], public: str, address: str
) -> None:
    printed = up(*options, public=public)
    assert printed == [f"Tieline: {address}", f"First time here: {address}/welcome/"]
    assert Started.public == address
    host = address.partition("://")[2].rpartition(":")[0] or address.partition("://")[2]
    assert host.strip("[]") in {one.strip("[]") for one in environment.read().hosts}
