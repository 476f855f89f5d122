"""Validates requests and answers against the vendor's published OpenAPI files, which are not part of this repository.

They are looked for in ``$TIELINE_SHARED/vendors/specs/zoho-crm`` and in ``../shared`` beside the repository; without them ``published()`` skips the
test with the reason. Usage: ``published().answer("POST", "/crm/v8/Leads", 201, body) == []``.
"""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

FILES = (
    "record", "coql", "composite-requests", "fields", "layouts", "pipeline", "users", "modules", "notes", "related-notes", "attachments", "org",
    "change-owner", "convert", "module-search",
)  # fmt: skip

EXCEPTIONS: tuple[tuple[str, str, str, str, str], ...] = (
    # method, path template, status, which problems (a regular expression; "" is all of them), why the file is taken to be wrong
    ("*", "*", "401", "", "the record file wraps 401 in data[]; documentation pages and the attachments file show a bare object"),
    ("*", "*", "404", "", "described per file as a record error or not at all; the documentation has one bare INVALID_URL_PATTERN for all"),
    ("*", "*", "429", "", "missing in most files; documented on the page API Limits"),
    ("POST", "/{module}", "207", "is not described", "the page Status Codes has 207 for mixed batches, the record file leaves it out"),
    ("PUT", "/{module}", "207", "is not described", "as above"),
    ("POST", "/{module}/upsert", "207", "is not described", "as above"),
    ("POST", "/{module}/actions/change_owner", "207", "is not described", "as above"),
    ("GET", "/{module}", "304", "is not described", "If-Modified-Since is on the page Get Records, the file leaves it out"),
    ("GET", "/users", "304", "is not described", "as above"),
    ("GET", "/{module}", "400", "were unexpected", "the file wraps it in data[]; documentation pages show a bare object"),
    ("GET", "/{module}", "200", "info/.*_(token|expiry): null", "the documentation shows null for the tokens of a page that has no neighbour"),
    ("POST", "/{module}/upsert", "200", "action|duplicate_field", "on the page Upsert Records and in the files of 2025-06, forbidden in the newer file"),
    ("GET", "/settings/pipeline", "400", "REQUIRED_PARAM_MISSING", "the file knows INVALID_DATA only, the attachments file this code for a missing parameter"),
    ("POST", "/{module}/actions/change_owner", "200", "anyOf", "the file's bare object cannot tell about several ids"),
    ("DELETE", "/{module}", "400", "anyOf", "the file has NO_PERMISSION only in data[]; a batch is judged item by item"),
    ("GET", "/{module}/search", "400", "INVALID_QUERY", "the file demands api_name in the details of INVALID_QUERY and forbids it in the same place"),
    ("POST", "/__composite_requests", "400", "anyOf", "the file has no place for the answer of the sub-request that failed, which the documentation shows"),
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One method of one path template."""

    method: str
    template: str
    description: dict[str, Any]
    document: dict[str, Any]
    pattern: re.Pattern[str]
    literals: int


@dataclass
class Published:
    """All operations of the files."""

    operations: list[Operation] = field(default_factory=list)

    def find(self, method: str, path: str) -> Operation:
        """The operation of a vendor path (``/crm/v8/…`` or below it); the template with the most literal parts wins."""
        below = re.sub(r"^.*?/crm/v8(?=/)", "", path.partition("?")[0])
        found = [one for one in self.operations if one.method == method and one.pattern.fullmatch(below)]
        if not found:
            raise LookupError(f"{method} {below} is in none of the published files")
        return max(found, key=lambda one: one.literals)

    def request(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a JSON request body."""
        operation = self.find(method, path)
        content = _resolved(operation.document, operation.description["requestBody"])["content"]
        return _problems(operation.document, content["application/json"]["schema"], body)

    def answer(self, method: str, path: str, status: int, body: Any, use_exceptions: bool = True) -> list[str]:
        """What is wrong with an answer; ``body`` None for an empty one."""
        operation = self.find(method, path)
        found = self._answer(operation, status, body)
        return [
            one for one in found if not use_exceptions or exception(method, operation.template, status, one) is None
        ]

    def _answer(self, operation: Operation, status: int, body: Any) -> list[str]:
        response = operation.description["responses"].get(str(status))
        if response is None:
            return [f"{operation.method} {operation.template}: status {status} is not described"]
        content = _resolved(operation.document, response).get("content") or {}
        if body is None:
            return [] if status in (204, 304) or not content else ["an empty body where one is described"]
        if not content:
            return ["a body where none is described"]
        return _problems(operation.document, content["application/json"]["schema"], body)


def exception(method: str, template: str, status: int, problem: str) -> str | None:
    """The reason why this problem is the file's and not ours, from the table; names of path parameters do not matter."""
    plain = re.sub(r"\{\w+\}", "{}", template)
    for known_method, known_template, known_status, which, reason in EXCEPTIONS:
        same = known_template == "*" or re.sub(r"\{\w+\}", "{}", known_template) == plain
        if known_method in ("*", method) and same and known_status == str(status) and re.search(which, problem):
            return reason
    return None


def folder() -> Path | None:
    """Where the published files are, if anywhere."""
    root = Path(__file__).resolve().parents[2]
    for shared in (os.environ.get("TIELINE_SHARED"), root.parent / "shared"):
        if shared and (Path(shared) / "vendors/specs/zoho-crm").is_dir():
            return Path(shared) / "vendors/specs/zoho-crm"
    return None


def published() -> Published:
    """The published description, or a skip that says why."""
    where = folder()
    if where is None:
        pytest.skip("Zoho's published OpenAPI files are not here: set TIELINE_SHARED or put them into ../shared")
    return _load(where)


@functools.cache
def _load(where: Path) -> Published:
    made = Published()
    for name in FILES:
        # Many alternatives of the files overlap (one is often "any object"), so "exactly one of" can only be read as "any of".
        text = (where / f"zoho-crm-{name}-openapi.json").read_text(encoding="utf-8").replace('"oneOf"', '"anyOf"')
        document = json.loads(text)
        for template, methods in document["paths"].items():
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))
            literals = sum(not part.startswith("{") for part in template.split("/"))
            for method, description in methods.items():
                if method in ("get", "post", "put", "patch", "delete"):
                    made.operations.append(
                        Operation(method.upper(), template, description, document, pattern, literals)
                    )
    return made


def _resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"][2:].split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        value = found
    return value


def _problems(document: dict[str, Any], schema: dict[str, Any], body: Any) -> list[str]:
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document.get("components", {}),
        "allOf": [schema],
    }
    whole["paths"] = document["paths"]
    validator = jsonschema_rs.validator_for(whole)
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(body)]
