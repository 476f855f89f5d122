"""Undo: the plan, its approval, what became of it."""
