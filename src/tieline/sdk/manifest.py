"""connector.toml: what a connector is, asks for and can do, as data. Found by scanning; there is no list to edit.

A connector is a package with a connector.toml beside its connector.py: every folder of `tieline.connectors`, and every
package named by an entry point of the group "tieline.connectors" (outside packages). Reading manifests imports no
connector; `load` does.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tieline.core.errors import ConfigError
from tieline.core.flow import Need
from tieline.core.mapping import RoleMap

GROUP = "tieline.connectors"
"""The package whose folders are connectors, and the entry point group of those outside."""
ALWAYS = "*"
"""In [needs]: scopes that any connection asks for; in what `Manifest.scopes` gives: the rule that stands for them."""

Facet = Literal["records", "counts", "events", "history", "files", "changes"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AuthField(_Model):
    """One thing that a person types to connect. `label` and `help` are msgids."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str
    secret: bool = False
    required: bool = True
    help: str = ""
    placeholder: str = ""
    kind: Literal["text", "url", "email", "password", "choice"] = "text"
    choices: tuple[str, ...] = ()
    default: str = ""


class Auth(_Model):
    """How to prove who we are.

    kind          "oauth2": consent in the browser, `fields` hold the client; "fields": what is typed is all there is
    authorize, token, revoke
                  URL templates; {names} come from the data centre and the typed fields
    header        the Authorization header, with {token} (oauth2) or any field's {name}; {basic:user:password} gives HTTP
                  basic of these two fields. "" where the connector makes its own
    params        further query parameters of the authorize URL
    pkce          the vendor takes a code challenge (S256)
    data_centres  name → values for the templates; the first is the default. `location` names of the vendor are the keys
    override      what the data centre's values are under a "base_url" (a sandbox); all of them the base URL itself if empty
    accounts_param, domain_field
                  query parameter of the redirect that names the accounts server, and field of the token's answer that
                  names the API's host, where the vendor has them
    """

    kind: Literal["oauth2", "fields"] = "fields"
    fields: tuple[AuthField, ...] = ()
    authorize: str = ""
    token: str = ""
    revoke: str = ""
    revoke_by: Literal["form", "query"] = "form"
    header: str = ""
    params: dict[str, str] = Field(default_factory=dict)
    scope_separator: str = " "
    pkce: bool = False
    data_centres: dict[str, dict[str, str]] = Field(default_factory=dict)
    override: dict[str, str] = Field(default_factory=dict)
    accounts_param: str = ""
    domain_field: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Auth:
        if self.kind == "oauth2" and not (self.authorize and self.token):
            raise ValueError("oauth2 needs authorize and token")
        names = [field.name for field in self.fields]
        if len(names) != len(set(names)):
            raise ValueError("two auth fields have one name")
        return self


class Role(_Model):
    """A role's object and fields, as in `core.mapping.RoleMap`. `page` is the object's name in `Manifest.record_page`,
    where it is another one than `object`."""

    object: str
    page: str = ""
    fields: dict[str, tuple[str, ...]]
    origin: str = ""
    links: dict[str, str] = Field(default_factory=dict)


class Capabilities(_Model):
    """What the vendor allows, as data: the engine branches on these, never on names.

    write_batch, read_batch  most operations of one push, most values of one find
    push_dependent           most operations that may refer to each other in one push; 0: none
    origin                   "unique": the vendor refuses a second record with our origin key; "search": it can be found by
                             it; "none": there is no room for it
    idempotent_s             a create that is sent again under its origin key within so long gives the record that the first one
                             made, and makes no second; 0: no such promise
    search_lag_s             how long a fresh record may be missing from find()
    request_timeout_s        after which a write is unknown; before it has passed again nothing about it is settled
    rate_per_s, credits_per_day   0: no limit known
    credits                  what requests cost where not 1, named by the connector
    attach_keys              push() finds an attachment that is on its record under our key already, and makes no second one
    deletes_reported         pull() gives the ids of what was deleted: of every role (true), or of the roles named
    deletes                  roles whose records push() can delete: what Tieline made there can be undone
    deleted_with             roles whose records push() cannot delete, and that the vendor deletes with the record they hang on
    recycle_bin              what is deleted can be brought back by hand at the vendor
    limits                   what flows see in `core.flow.Target.limits`
    """

    write_batch: int = Field(default=1, ge=1)
    read_batch: int = Field(default=100, ge=1)
    push_dependent: int = Field(default=0, ge=0)
    origin: Literal["unique", "search", "none"] = "none"
    idempotent_s: float = Field(default=0, ge=0)
    search_lag_s: float = Field(default=0, ge=0)
    concurrency: int = Field(default=4, ge=1)
    request_timeout_s: float = Field(default=30, gt=0)
    rate_per_s: float = Field(default=0, ge=0)
    credits_per_day: int = Field(default=0, ge=0)
    credits: dict[str, float] = Field(default_factory=dict)
    call_needs_parent: bool = False
    conditional_write: bool = False
    deletes_reported: bool | tuple[str, ...] = False
    deletes: tuple[str, ...] = ()
    deleted_with: tuple[str, ...] = ()
    recycle_bin: bool = False
    owners: bool = True
    pipelines: bool = False
    attachments: bool = False
    attach_keys: bool = False
    webhooks: bool = False
    poll_s: float = Field(default=0, ge=0)
    limits: dict[str, Any] = Field(default_factory=dict)


class EventSide(_Model):
    """How deliveries come in. `secret` names the auth field that holds the signing secret; "" where none is ever signed.
    `proof`: "signature" covers the whole delivery; "token" is a word in it that only the vendor and we know; "message": the
    signature carries the message itself, and the body beside it says nothing. `signed_time`: the signature covers when it was sent,
    so that an old one can be refused. `imports`: nobody delivers, a person brings lists; it has no address.
    `per_event`: event names of the contract that wants an address for each; ours gets ?event=<name> then."""

    secret: str = ""
    proof: Literal["signature", "token", "message"] = "signature"
    signed_time: bool = True
    imports: bool = False
    contracts: tuple[str, ...] = ()
    per_event: tuple[str, ...] = ()
    settle_s: float = Field(default=0, ge=0)
    test_key: str = ""
    """The call key of what the vendor's own "send a test" delivers; "" where it has no such thing."""
    sandbox_page: str = ""
    """Path of a page in the connector's sandbox where people make an event happen by hand (a call); "" for none."""


class Manifest(_Model):
    """A connector.toml, checked. `package` is where its code is, `folder` where its files are."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    categories: tuple[str, ...]
    facets: tuple[Facet, ...]
    letters: str = Field(min_length=1, max_length=2)
    checked: str
    docs: str = ""
    record_page: str = ""
    """Where people open a record at the vendor: a URL with {object}, {id}, and names of the data centre or typed fields."""
    environments: tuple[str, ...] = ("production",)
    auth: Auth = Auth()
    hosts: dict[str, str] = Field(default_factory=dict)
    allowed_hosts: tuple[str, ...] = ()
    """Further host names that redirects of the vendor, its `domain_field` and its files may name: "www.example.com", or
    ".example.com" for every name below it."""
    needs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    roles: dict[str, Role] = Field(default_factory=dict)
    capabilities: Capabilities = Capabilities()
    events: EventSide = EventSide()
    package: str = ""
    folder: Path = Path()

    @model_validator(mode="after")
    def _agree(self) -> Manifest:
        for key in self.needs:
            if key != ALWAYS and key.count(".") != 1:
                raise ValueError(f"needs: {key!r} is not <role>.<verb>")
        for role, mapped in self.roles.items():
            for link, to in mapped.links.items():
                if to not in self.roles:
                    raise ValueError(f"roles.{role}.links.{link}: there is no role {to!r}")
                if link not in mapped.fields:
                    raise ValueError(f"roles.{role}.links.{link}: the field is not mapped")
        reported = self.capabilities.deletes_reported
        named = () if isinstance(reported, bool) else reported
        for role in (*self.capabilities.deletes, *self.capabilities.deleted_with, *named):
            if role not in self.roles:
                raise ValueError(f"capabilities: there is no role {role!r}")
        if self.events.secret and self.events.secret not in {field.name for field in self.auth.fields}:
            raise ValueError("events.secret names no auth field")
        return self

    def role_maps(self) -> dict[str, RoleMap]:
        """Role → how this vendor plays it."""
        return {
            role: RoleMap(role, mapped.object, dict(mapped.fields), mapped.origin, dict(mapped.links))
            for role, mapped in self.roles.items()
        }

    def reports_deletes(self, role: str) -> bool:
        """Whether pull() of this role's object gives the ids of what was deleted."""
        reported = self.capabilities.deletes_reported
        return reported if isinstance(reported, bool) else role in reported

    def scopes(self, needs: Iterable[Need]) -> dict[str, list[str]]:
        """Scope → the rules that ask for it (`ALWAYS` for what any connection needs). A need that the vendor has no scope
        for asks for nothing."""
        out: dict[str, list[str]] = {scope: [ALWAYS] for scope in self.needs.get(ALWAYS, ())}
        for need in needs:
            for scope in self.needs.get(f"{need.role}.{need.verb}", ()):
                rules = out.setdefault(scope, [])
                if need.rule not in rules:
                    rules.append(need.rule)
        return out

    def place(self, data_centre: str = "", values: Mapping[str, str] | None = None) -> dict[str, str]:
        """The values that URL templates are filled with: the data centre's (the first where none is named), then the
        given ones (typed fields, what the grant says). "base_url" stands for all of a data centre's. An unknown data
        centre is a ConfigError."""
        out: dict[str, str] = {}
        centres = self.auth.data_centres
        if centres:
            name = data_centre or next(iter(centres))
            if name not in centres:
                raise ConfigError(f"{self.name} has no data centre {name!r}", setting="data_centre", value=name)
            out.update(centres[name])
        out.update({key: value for key, value in (values or {}).items() if value})
        if "base_url" in out and centres:
            base = {"base_url": out["base_url"].rstrip("/")}
            over = {key: fill(template, base) for key, template in self.auth.override.items()}
            out.update({key: over.get(key, base["base_url"]) for centre in centres.values() for key in centre})
        return out

    def base_urls(self, values: Mapping[str, str]) -> dict[str, str]:
        """Logical host → base URL without a trailing slash. `values` as from `place`; "base_url" among them stands for every
        host (a sandbox, a proxy). A missing value is a ConfigError that names it."""
        override = values.get("base_url")
        if override and not self.auth.override:
            return dict.fromkeys(self.hosts, override.rstrip("/"))
        return {name: fill(template, values).rstrip("/") for name, template in self.hosts.items()}

    def asks_with(self) -> frozenset[str]:
        """The typed fields (names) that its header is made of."""
        return frozenset(re.findall(r"\w+", self.auth.header)) & {one.name for one in self.auth.fields}

    def can_ask(self, typed: Iterable[str]) -> bool:
        """Whether its API can be asked with these typed fields (names): everything that its header is made of is there."""
        return bool(self.asks_with()) and self.asks_with() <= set(typed)

    def is_allowed(self, host: str) -> bool:
        """Whether `allowed_hosts` or a data centre names this host."""
        host = host.lower().rstrip(".")
        for name in self.allowed_hosts:
            if host == name or (name.startswith(".") and host.endswith(name)):
                return True
        centres = self.auth.data_centres.values()
        return any(
            host == urlsplit(value).hostname for centre in centres for value in centre.values() if "://" in value
        )

    def text(self, name: str) -> str:
        """A text file of the connector's folder ("doc.md"), "" where there is none."""
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""


_NAME = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its {names} replaced; a ConfigError names a missing one."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if not found:
            raise ConfigError(f"{match[1]} is not known yet", setting=match[1])
        return found

    return _NAME.sub(value, template)


def read(folder: Path, package: str) -> Manifest:
    """The manifest of one folder; a ConfigError says what is wrong with it and where."""
    path = folder / "connector.toml"
    try:
        with path.open("rb") as file:
            raw = tomllib.load(file)
        return Manifest.model_validate({**raw, "package": package, "folder": folder})
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"{package}: connector.toml: {error}", setting="connector.toml", connector=package) from error


@cache
def connectors() -> dict[str, Manifest]:
    """Every connector by name, sorted. Read once per process; an outside package cannot take an inside name."""
    found: dict[str, Manifest] = {}
    for root in _roots(GROUP):
        for path in sorted(root.glob("*/connector.toml")):
            manifest = read(path.parent, f"{GROUP}.{path.parent.name}")
            if manifest.name != path.parent.name:
                raise ConfigError(
                    f"{path.parent.name}: the name in connector.toml is {manifest.name!r}", setting="name"
                )
            found[manifest.name] = manifest
    for entry in entry_points(group=GROUP):
        for root in _roots(entry.value):
            manifest = read(root, entry.value)
            found.setdefault(manifest.name, manifest)
    return dict(sorted(found.items()))


def _roots(package: str) -> list[Path]:
    """The folders of a package, without importing it."""
    spec = importlib.util.find_spec(package)
    return [Path(root) for root in (spec.submodule_search_locations if spec else None) or ()]


def connector(name: str) -> Manifest:
    """One manifest by name; a ConfigError where there is no such connector."""
    try:
        return connectors()[name]
    except KeyError:
        raise ConfigError(f"there is no connector {name!r}", setting="connector", value=name) from None


def load(name: str) -> type[Any]:
    """The connector's class; imports its code. It takes a `tieline.sdk.http.Client` and has the manifest's facets."""
    module = importlib.import_module(f"{connector(name).package}.connector")
    return cast(type[Any], module.Connector)
