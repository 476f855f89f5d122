"""The demo: a business day in two workspaces, and the check that it ended in exactly the records it should."""
