"""Keeps. Django models and migrations, and the engine's ports on Postgres as short synchronous transactions.

models/        rows by subject                      connection.py     the one way to a cursor (`workspace_tx`)
migrations/    tables, policies, functions          secrets.py        sealed values
drain_*.py     `engine.ports.Store` on Postgres     vendor_*.py       tokens and rate budgets, shared by every process
services/      what pages, commands and jobs do to rows, by subject
team/          people (an app of its own)           postgres.py       the server
"""
