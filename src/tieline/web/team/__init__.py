"""The team's page: who is in, who is invited, what each role may do."""
