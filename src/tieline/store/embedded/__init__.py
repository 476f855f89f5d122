"""A private Postgres server out of a wheel: where it lives, its programs, its passwords, its process, its roles.

Only the programs of the wheel are used (initdb, postgres). Its Python opens the socket to everyone, trusts everyone, and
widens the rights of every parent folder when run as root; see docs/decisions/0002-embedded-postgres.md.
"""
