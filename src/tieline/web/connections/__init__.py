"""Connections: what can be connected, what is, and how it does."""
