"""The command: quick to say what it can, one line for what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tieline import cli
from tieline.jobs.doctor import findings

if TYPE_CHECKING:
    from tests.conftest import Installation


def tieline(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TIELINE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "tieline.cli", *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )


def test_help_names_every_command_and_makes_nothing(tmp_path: Path) -> None:
    done = tieline("--help", home=tmp_path / "home")
    assert done.returncode == 0
    for command in (
        "up",
        "migrate",
        "serve",
        "intake",
        "worker",
        "sandbox",
        "demo",
        "explain",
        "create-admin",
        "doctor",
    ):
        assert command in done.stdout
    assert not (tmp_path / "home").exists()


def test_explain_prints_the_plan_of_a_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fact = {
        "type": "ended",
        "direction": "inbound",
        "external_number": "+33186765432",
        "line_number": "0411",
        "final": True,
    }
    sample = {"users": [{"id": "1", "name": "Anna"}], "facts": [{**fact, "outcome": "missed"}]}
    path = tmp_path / "call.json"
    path.write_text(json.dumps(sample))
    assert cli.main(["explain", str(path)]) == 0
    out = capsys.readouterr().out
    assert "verb=create role=lead" in out
    assert "verb=create role=task" in out
    path.write_text("{}")
    assert cli.main(["explain", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_worker_starts_without_the_pages_framework(tmp_path: Path) -> None:
    """It is a process without Django's registry: what it imports may not need one."""
    program = "import tieline.jobs.worker, tieline.wiring"
    environment = {**os.environ, "TIELINE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    done = tieline("fly", home=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_is_one_line(tmp_path: Path) -> None:
    done = tieline("doctor", home=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "WRONG" in done.stdout


def test_doctor_tells_what_is_wrong(installation: Installation, tmp_path: Path) -> None:
    keys = installation.home / "keys" / "secrets.key"
    found = {one.code: one.is_well for one in findings(installation.app, keys, 0)}
    assert found["doctor.keys"]
    assert found["doctor.postgres"]
    assert found["doctor.role"]
    assert found["doctor.tables"]
    assert not {one.code: one.is_well for one in findings(installation.app, tmp_path / "none", 0)}[
        "doctor.keys_missing"
    ]
    assert not {one.code: one.is_well for one in findings(installation.app, keys, 2)}["doctor.tables"]
    assert not {
        one.code: one.is_well for one in findings(installation.owner.replace("tieline_owner", "nobody"), keys, 0)
    }["doctor.database"]
    assert not {one.code: one.is_well for one in findings(installation.admin, keys, 0)}["doctor.role"]


def test_the_first_admin_gets_a_link(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    from django.db import transaction

    from tieline.store.team.models import User

    with transaction.atomic():  # nobody is there, for as long as this test looks
        User.objects.all().delete()
        assert cli.main(["create-admin"]) == 0
        assert "/welcome/" in capsys.readouterr().out
        assert cli.main(["create-admin", "nobody@example.com"]) == 1
        User.objects.create(email="somebody@example.com", name="Somebody")
        assert cli.main(["create-admin", "somebody@example.com"]) == 0
        assert "http" in capsys.readouterr().out
        assert cli.main(["create-admin"]) == 1
        transaction.set_rollback(True)
