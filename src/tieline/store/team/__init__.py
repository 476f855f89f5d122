"""Who may do what: users, the workspaces they belong to, their roles there, and the one-time links that let them in."""
