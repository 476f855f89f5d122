"""The inbox: what waits for a person, like cases together, and what a person should know."""
