"""Stop the private database of this folder, if it has one, and remove its data wherever it lies."""

from tieline.store.postgres import EmbeddedPostgres, embedded, home


def main() -> None:
    """Do nothing where no database was ever made."""
    database: EmbeddedPostgres | None = embedded()
    if database is not None and (home() / "postgres").exists():
        database.erase()


if __name__ == "__main__":
    main()
