"""Keeping the same customers in two systems: pull, merge, write, reconcile."""
