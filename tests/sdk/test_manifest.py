"""connector.toml."""

from pathlib import Path

import pytest

from tieline.core.errors import ConfigError
from tieline.core.flow import Need, Place
from tieline.sdk.contract import FieldSchema, Layout, ObjectSchema, VendorUser
from tieline.sdk.manifest import ALWAYS, connectors, load, read
from tieline.sdk.target import target

TOML = """
name = "toy"
title = "Toy"
categories = ["crm"]
facets = ["records"]
letters = "To"
checked = "sandbox"
allowed_hosts = ["files.toy.example", ".cdn.toy.example"]

[auth]
kind = "oauth2"
authorize = "{accounts}/a"
token = "{accounts}/t"
[auth.data_centres.us]
accounts = "https://accounts.toy.example"
api_domain = "https://api.toy.example"
[auth.data_centres.eu]
accounts = "https://accounts.toy.eu"
api_domain = "https://api.toy.eu"

[hosts]
api = "{api_domain}/v1/"

[needs]
"*" = ["org.read"]
"contact.read" = ["contacts.read", "coql"]
"lead.read" = ["leads.read", "coql"]

[roles.contact]
object = "Contacts"
origin = "Key"
links = { account = "account" }
[roles.contact.fields]
name = ["Last_Name"]
phone = ["Phone", "Mobile"]
owner = ["Owner"]
account = ["Account_Name"]
industry = ["Industry"]
[roles.account]
object = "Accounts"
fields = { name = ["Account_Name"] }
[roles.deal]
object = "Deals"
fields = { name = ["Deal_Name"], stage = ["Stage"], stage_kind = ["$kind"] }

[capabilities]
write_batch = 100
limits = { exclusive_links = { call = ["deal", "account"] } }
"""


def folder(tmp_path: Path, text: str = TOML) -> Path:
    (tmp_path / "connector.toml").write_text(text)
    return tmp_path


def test_scopes_follow_from_rules(tmp_path: Path) -> None:
    toy = read(folder(tmp_path), "toy")
    needs = [
        Need("contact", "read", "lead.create"),
        Need("lead", "read", "lead.create"),
        Need("contact", "read", "owner"),
        Need("x", "y", "z"),
    ]
    assert toy.scopes(needs) == {
        "org.read": [ALWAYS],
        "contacts.read": ["lead.create", "owner"],
        "coql": ["lead.create", "owner"],
        "leads.read": ["lead.create"],
    }
    assert toy.scopes([]) == {"org.read": [ALWAYS]}


def test_hosts_by_data_centre_grant_and_override(tmp_path: Path) -> None:
    toy = read(folder(tmp_path), "toy")
    assert toy.base_urls(toy.place()) == {"api": "https://api.toy.example/v1"}
    assert toy.base_urls(toy.place("eu")) == {"api": "https://api.toy.eu/v1"}
    assert toy.base_urls(toy.place("eu", {"api_domain": "https://x.cdn.toy.example"})) == {
        "api": "https://x.cdn.toy.example/v1"
    }
    over = toy.place("eu", {"base_url": "http://127.0.0.1:9/toy/", "api_domain": "https://api.toy.eu"})
    assert toy.base_urls(over) == {"api": "http://127.0.0.1:9/toy"}
    assert over["accounts"] == "http://127.0.0.1:9/toy"
    with pytest.raises(ConfigError):
        toy.place("mars")
    with pytest.raises(ConfigError):
        toy.base_urls({})


def test_named_hosts(tmp_path: Path) -> None:
    toy = read(folder(tmp_path), "toy")
    assert all(
        toy.is_allowed(host)
        for host in ("api.toy.eu", "FILES.toy.example", "a.b.cdn.toy.example", "accounts.toy.example")
    )
    assert not any(
        toy.is_allowed(host)
        for host in ("toy.eu", "xfiles.toy.example", "cdn.toy.example.evil", "", "evilcdn.toy.example")
    )


def test_what_flows_know_of_a_target(tmp_path: Path) -> None:
    toy = read(folder(tmp_path), "toy")
    pipelines = (("p1", "Standard", (("s1", "One", "open"), ("s2", "Won", "won"))),)
    schemas = [
        ObjectSchema(
            "Contacts",
            "Contacts",
            (
                FieldSchema("Last_Name", "Name", "text", required=True),
                FieldSchema("Phone", "Phone", "phone"),
                FieldSchema("Owner", "Owner", "user"),
                FieldSchema("Industry", "Industry", "choice", choices=(("i1", "Ice"),)),
                FieldSchema("Key", "Key", "text"),
            ),
            (Layout("l1", "Standard", ("Industry", "Birthday")), Layout("l2", "Other")),
        ),
        ObjectSchema(
            "Deals",
            "Deals",
            (
                FieldSchema("Deal_Name", "n", "text"),
                FieldSchema("Stage", "s", "choice"),
                FieldSchema("$kind", "k", "choice", read_only=True),
            ),
            (Layout("d1", "Standard", (), pipelines),),
        ),
    ]
    known = target(toy, schemas, [VendorUser("u1", "Ann"), VendorUser("u2", "Bob", active=False)])
    assert known.roles == {
        "contact": frozenset({"name", "phone", "owner", "industry"}),
        "deal": frozenset({"name", "stage"}),
    }
    assert known.required["contact"] == {"l1": ("name", "industry", "Birthday"), "l2": ("name",)}
    assert known.places == (Place("d1", "p1", "s1"), Place("d1", "p1", "s2"))
    assert known.choices["contact", "owner"] == (("u1", "Ann"),)
    assert known.choices["contact", "industry"] == (("i1", "Ice"),)
    assert known.choices["contact", "layout"] == (("l1", "Standard"), ("l2", "Other"))
    assert known.choices["contact", "=Industry"] == (("i1", "Ice"),)
    assert (known.types["contact", "name"], known.types["contact", "=Phone"]) == ("text", "phone")
    assert ("deal", "=$kind") not in known.types
    assert known.limits == {"call_needs_parent": False, "exclusive_links": {"call": ["deal", "account"]}}
    assert toy.role_maps()["contact"].origin == "Key"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('account = "account"', 'account = "nobody"'),
        ('account = ["Account_Name"]', ""),
        ("write_batch = 100", "write_batch = 0"),
        ("write_batch = 100", "batch = 100"),
        ('"*" =', '"contact" ='),
        ('token = "{accounts}/t"', ""),
        ('name = "toy"', 'name = "Toy!"'),
        ("[hosts]", "[hosts"),
    ],
)
def test_a_wrong_manifest_says_so(tmp_path: Path, old: str, new: str) -> None:
    assert old in TOML
    with pytest.raises(ConfigError):
        read(folder(tmp_path, TOML.replace(old, new)), "toy")


def test_deletes_are_reported_of_all_roles_or_of_the_named_ones(tmp_path: Path) -> None:
    def reported(how: str) -> list[bool]:
        made = read(
            folder(tmp_path, TOML.replace("write_batch = 100", f"write_batch = 100\ndeletes_reported = {how}")), "toy"
        )
        return [made.reports_deletes(role) for role in ("account", "contact")]

    assert reported("true") == [True, True]
    assert reported("false") == [False, False]
    assert reported('["contact"]') == [False, True]
    with pytest.raises(ConfigError):
        reported('["nobody"]')


def test_every_folder_is_found_and_holds_what_it_declares() -> None:
    facets = {
        "records": ["check", "find", "push"],
        "counts": ["count"],
        "events": ["arrive", "parse"],
        "history": ["list_since", "lines"],
        "files": ["open"],
        "changes": ["arrive", "changed", "subscribe", "subscription", "unsubscribe"],
    }
    found = connectors()
    assert {"sipsim", "zoho_crm"} <= found.keys()
    for name, manifest in found.items():
        made = load(name)
        for facet in manifest.facets:
            assert all(callable(getattr(made, method, None)) for method in facets[facet]), (name, facet)
        assert manifest.text("doc.md").strip(), f"{name} has no guide"


@pytest.mark.proves("CALL-21")
@pytest.mark.parametrize(
    ("connector", "typed", "can"),
    [
        ("sipsim", [], False),
        ("sipsim", ["signing_secret"], False),
        ("sipsim", ["token"], True),
        ("twilio", ["account_sid"], False),
        ("twilio", ["account_sid", "auth_token"], True),
    ],
)
def test_an_api_is_asked_with_everything_that_its_header_is_made_of(
    connector: str, typed: list[str], can: bool
) -> None:
    assert connectors()[connector].can_ask(typed) is can
