"""Which database is used, and as whom; the private one and one's own."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tieline.store.postgres import DatabaseError, EmbeddedPostgres, database_urls, embedded, ensure_app_role, home


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, open_folder: Path) -> None:
    for name in ("TIELINE_DATABASE_URL", "TIELINE_APP_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIELINE_HOME", str(open_folder / "home"))


def test_without_a_word_it_is_the_private_one(open_folder: Path) -> None:
    assert home() == open_folder / "home"
    private = embedded()
    assert private is not None
    assert private.data_dir == open_folder / "home" / "postgres"
    urls = database_urls()
    assert urls.owner == private.dsn("owner")
    assert urls.app == private.dsn("app")
    assert urlsplit(urls.owner).username == "tieline_owner"
    assert urlsplit(urls.app).username == "tieline_app"


@pytest.mark.parametrize(
    "own",
    [
        "postgresql://boss:se%40cret@db.example:5433/shop?sslmode=require",
        "postgresql://db.example:5433/shop?user=boss&password=se%40cret&sslmode=require",
        "host=db.example port=5433 dbname=shop user=boss password=se@cret sslmode=require",
    ],
)
def test_ones_own_keeps_everything_but_the_role(own: str, monkeypatch: pytest.MonkeyPatch, open_folder: Path) -> None:
    monkeypatch.setenv("TIELINE_DATABASE_URL", own)
    assert embedded() is None
    urls = database_urls()
    assert urls.owner == own
    app = conninfo_to_dict(urls.app)
    password = app.pop("password")
    assert app == {"host": "db.example", "port": "5433", "dbname": "shop", "sslmode": "require", "user": "tieline_app"}
    assert password not in {"se@cret", None, ""}
    assert database_urls() == urls
    keys = open_folder / "home" / "keys" / "database.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_both_addresses_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIELINE_DATABASE_URL", "postgresql://boss@db/shop")
    monkeypatch.setenv("TIELINE_APP_DATABASE_URL", "postgresql://clerk@db/shop")
    assert database_urls().app == "postgresql://clerk@db/shop"


class TestTheApplicationsRoleInOnesOwn:
    @pytest.fixture
    def owner_url(self, running: EmbeddedPostgres) -> str:
        return running.dsn("admin")

    def as_role(self, running: EmbeddedPostgres, user: str, password: str) -> str:
        here = conninfo_to_dict(running.dsn("admin"))
        return psycopg.conninfo.make_conninfo(**(here | {"user": user, "password": password}))

    def test_it_is_made_once_and_bound_by_policies(self, running: EmbeddedPostgres, owner_url: str) -> None:
        app_url = self.as_role(running, "shop_app", "p'w\\")
        ensure_app_role(owner_url, app_url)
        ensure_app_role(owner_url, app_url)
        with psycopg.connect(owner_url) as connection:
            found = connection.execute(
                "SELECT rolsuper, rolbypassrls, rolinherit, rolcreatedb FROM pg_roles WHERE rolname = 'shop_app'"
            ).fetchone()
        assert found == (False, False, False, False)

    def test_another_password_than_its_own_is_refused_and_not_changed(
        self, running: EmbeddedPostgres, owner_url: str
    ) -> None:
        ensure_app_role(owner_url, self.as_role(running, "clerk", "first"))
        with pytest.raises(DatabaseError) as refused:
            ensure_app_role(owner_url, self.as_role(running, "clerk", "second"))
        assert refused.value.code == "database.app_role_refused"
        psycopg.connect(self.as_role(running, "clerk", "first")).close()

    def test_a_role_above_policies_is_refused(self, running: EmbeddedPostgres, owner_url: str) -> None:
        with psycopg.connect(owner_url, autocommit=True) as connection:
            connection.execute("CREATE ROLE above LOGIN BYPASSRLS PASSWORD 'x'")
        with pytest.raises(DatabaseError):
            ensure_app_role(owner_url, self.as_role(running, "above", "x"))

    def test_the_owner_itself_is_refused(self, owner_url: str) -> None:
        with pytest.raises(DatabaseError):
            ensure_app_role(owner_url, owner_url)
