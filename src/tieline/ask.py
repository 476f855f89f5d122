"""`tieline ask`: the API of an installation from a command line. What it can do it reads from the installation itself.

    TIELINE_TOKEN=tl_… tieline ask                              # what can be asked
    TIELINE_TOKEN=tl_… tieline ask list_runs --state done --limit 5
    TIELINE_TOKEN=tl_… tieline ask rename_connection conn_… --title "Main line"

Answers are JSON on the output; errors go to the error output as the API says them, in the language of the environment. Exit status: 0 done,
1 the installation refused it or is not there, 2 the command line is wrong.

    TIELINE_URL    address of the installation that `tieline ask` asks (default http://127.0.0.1:8000)
    TIELINE_TOKEN  the token that `tieline ask` asks with; never on the command line, where others could read it
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

URL = "http://127.0.0.1:8000"
DESCRIPTION = "/api/v1/openapi.json"
ANSWER_S = 60.0
DONE, REFUSED, WRONG = 0, 1, 2


class UsageError(Exception):
    """What was typed cannot be asked."""


class NoAnswerError(Exception):
    """Nothing that is an installation answers at the address."""


@dataclass(frozen=True)
class Verb:
    """One route. `body`: the fields of its JSON body, with their schemas; None where it takes none."""

    name: str
    method: str
    path: str
    about: str
    in_path: tuple[str, ...]
    in_query: Mapping[str, Mapping[str, Any]]
    body: Mapping[str, Mapping[str, Any]] | None
    needed: frozenset[str]
    is_file: bool


def main(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Asks; the exit status."""
    env = os.environ if environment is None else environment
    parser = argparse.ArgumentParser(
        prog="tieline ask",
        description="Ask the API of an installation. Without a verb: list the verbs.",
        epilog="The token is read from TIELINE_TOKEN, never from the command line.",
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument(
        "--url", default=env.get("TIELINE_URL") or URL, help="address of the installation (default TIELINE_URL)"
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this, or what a verb takes")
    options, rest = parser.parse_known_args(list(argv))
    try:
        base = _base(options.url)
        if options.help and not rest:
            parser.print_help()
            return DONE
        language = language_of(env)
        status, found = _fetch("GET", base + DESCRIPTION, {"Accept-Language": language})
        verbs = verbs_of(_described(status, found, base))
        if not rest:
            _list(verbs)
            return DONE
        verb = _verb(verbs, rest[0])
        if options.help:
            _explain(verb)
            return DONE
        target, body = request_of(verb, rest[1:])
        return _ask(verb, base + target, body, env.get("TIELINE_TOKEN", ""), language)
    except UsageError as error:
        print(f"tieline ask: {error}", file=sys.stderr)
        return WRONG
    except NoAnswerError as error:
        print(f"tieline ask: {error}", file=sys.stderr)
        return REFUSED


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or "@" in parts.netloc:
        raise UsageError(f"{url!r} is no address like https://tieline.example.com")
    return url.rstrip("/")


def _described(status: int, found: Any, base: str) -> dict[str, Any]:
    if status != 200 or not isinstance(found, dict) or "paths" not in found:
        raise NoAnswerError(f"no installation of Tieline answers at {base}")
    return found


def _verb(verbs: Mapping[str, Verb], name: str) -> Verb:
    if name not in verbs:
        raise UsageError(f"there is no verb {name!r}; `tieline ask` lists them")
    return verbs[name]


def language_of(environment: Mapping[str, str]) -> str:
    """What LC_ALL, LC_MESSAGES or LANG says ("fr_FR.UTF-8"), as a header says it ("fr-FR"); English where they say nothing."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        said = environment.get(name, "").partition(".")[0].partition("@")[0]
        if said:
            language = said.replace("_", "-")
            return "en" if language in {"C", "POSIX"} or not language.replace("-", "").isalnum() else language
    return "en"


# -- the verbs -------------------------------------------------------------------------------------------------------


def verbs_of(described: Mapping[str, Any]) -> dict[str, Verb]:
    """The verbs of a description, by name: what an operation is called behind the name of its room."""
    schemas = described.get("components", {}).get("schemas", {})
    found = {}
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            given = route.get("parameters", ())
            content = route.get("requestBody", {}).get("content", {})
            bodies: list[Mapping[str, Any]] = list(content.values())
            schema = bodies[0].get("schema") if bodies else None
            shape = _resolved(schema, schemas) if schema is not None else None
            verb = Verb(
                name=_name(route["operationId"]),
                method=method.upper(),
                path=path,
                about=route.get("summary", ""),
                in_path=tuple(one["name"] for one in given if one["in"] == "path"),
                in_query={one["name"]: _resolved(one["schema"], schemas) for one in given if one["in"] == "query"},
                body=None
                if shape is None
                else {name: _resolved(one, schemas) for name, one in shape.get("properties", {}).items()},
                needed=frozenset(shape.get("required", ()) if shape else ()),
                is_file="multipart/form-data" in content,
            )
            found[verb.name] = verb
    return found


def _name(operation: str) -> str:
    """tieline_api_v1_runs_list_runs → list_runs."""
    parts = operation.split("_")
    return "_".join(parts[4:]) if parts[:3] == ["tieline", "api", "v1"] else operation


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    ref = schema.get("$ref")
    found: Mapping[str, Any] = schemas.get(ref.rpartition("/")[2], {}) if ref else schema
    return found


def _list(verbs: Mapping[str, Verb]) -> None:
    width = max(len(name) for name in verbs)
    for name in sorted(verbs):
        print(f"{name:{width}}  {verbs[name].about}")


def _explain(verb: Verb) -> None:
    ids = "".join(f" {name.upper()}" for name in verb.in_path)
    print(f"tieline ask {verb.name}{ids}    {verb.about}")
    for name, schema in {**verb.in_query, **(verb.body or {})}.items():
        needed = ", needed" if name in verb.needed else ""
        print(f"  --{_option(name)}  {_kind(schema)}{needed}")
    if verb.body is not None and not verb.is_file:
        print("  --json FILE  the whole body; - for the input")


def _option(name: str) -> str:
    return name.replace("_", "-")


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    if "anyOf" in schema:
        return {kind for one in schema["anyOf"] for kind in _kinds(one)}
    return {schema.get("type", "object" if "$ref" in schema else "any")}


def _kind(schema: Mapping[str, Any]) -> str:
    return " or ".join(sorted(_kinds(schema) - {"null"}))


# -- a request -------------------------------------------------------------------------------------------------------


def request_of(verb: Verb, typed: Sequence[str]) -> tuple[str, dict[str, Any] | None]:
    """The path with its query, and the body. UsageError where what was typed does not fit the verb."""
    if verb.is_file:
        raise UsageError(f"{verb.name} takes a file: send it with curl")
    ids, given, body = _sorted(verb, typed)
    missing = [name for name in verb.in_path if name not in ids]
    if missing:
        raise UsageError(f"{verb.name} needs {', '.join(missing)}")
    path = verb.path
    for name, text in ids.items():
        path = path.replace("{" + name + "}", quote(text, safe=""))
    query = urlencode([(name, text) for name, text in given.items() if name in verb.in_query])
    if verb.body is None:
        return path + (f"?{query}" if query else ""), None
    sent = body if body is not None else {}
    for name, text in given.items():
        if name in verb.body:
            sent[name] = value_of(name, text, verb.body[name])
    lacking = sorted(name for name in verb.needed if name not in sent)
    if lacking:
        raise UsageError(f"{verb.name} needs {', '.join('--' + _option(name) for name in lacking)}")
    return path + (f"?{query}" if query else ""), sent


def _sorted(verb: Verb, typed: Sequence[str]) -> tuple[dict[str, str], dict[str, str], dict[str, Any] | None]:
    """What was typed: ids, options, and the body of --json."""
    ids: dict[str, str] = {}
    given: dict[str, str] = {}
    body: dict[str, Any] | None = None
    rest = list(typed)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            free = [name for name in verb.in_path if name not in ids]
            if not free:
                raise UsageError(f"{verb.name} takes no further {word!r}")
            ids[free[0]] = word
            continue
        option, equals, text = word[2:].partition("=")
        name = option.replace("-", "_")
        if not equals:
            if not rest:
                raise UsageError(f"--{option} needs a value")
            text = rest.pop(0)
        if name == "token":
            raise UsageError("a token is no option: others read command lines. Put it into TIELINE_TOKEN")
        if name in verb.in_path:
            ids[name] = text
        elif name in verb.in_query or name in (verb.body or {}):
            given[name] = text
        elif name == "json" and verb.body is not None:
            body = _read(text)
        else:
            raise UsageError(f"{verb.name} has no --{option}; `tieline ask {verb.name} --help` says what it has")
    return ids, given, body


def _read(file: str) -> dict[str, Any]:
    try:
        found = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"--json {file}: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"--json {file}: not an object")
    return found


def value_of(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    """A field's value: text where text is wanted, else JSON."""
    kinds = _kinds(schema)
    if kinds <= {"string", "null"}:
        return None if text == "null" and "null" in kinds else text
    try:
        return json.loads(text)
    except ValueError:
        if kinds & {"string", "any"}:
            return text
        raise UsageError(f"--{_option(name)} {text}: {_kind(schema)} is wanted, as JSON") from None


def _ask(verb: Verb, url: str, body: dict[str, Any] | None, token: str, language: str) -> int:
    if not token:
        raise UsageError("TIELINE_TOKEN is empty: a token is made under Settings, API")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("TIELINE_TOKEN is no token")
    headers = {"Accept-Language": language, "Authorization": f"Bearer {token}"}
    status, found = _fetch(verb.method, url, headers, body)
    if status < 400:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return DONE
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        raise NoAnswerError(f"HTTP {status}")
    print(f"tieline ask: {error.get('code', '')}: {error.get('message', '')}", file=sys.stderr)
    if error.get("params"):
        print(json.dumps(error["params"], indent=2, ensure_ascii=False), file=sys.stderr)
    return REFUSED


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: a token is for the address that was given."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


def _fetch(method: str, url: str, headers: Mapping[str, str], body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """(status, JSON); None for a body that is none."""
    content = None if body is None else json.dumps(body).encode()
    more = {"Content-Type": "application/json"} if content is not None else {}
    request = urllib.request.Request(url, content, {**headers, **more, "Accept": "application/json"}, method=method)  # noqa: S310 - http(s) only, see _base
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=ANSWER_S) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, raw = error.code, error.read()
    except (OSError, ValueError) as error:
        raise NoAnswerError(f"{url}: {getattr(error, 'reason', error)}") from None
    try:
        return status, json.loads(raw) if raw else None
    except ValueError:
        return status, None
