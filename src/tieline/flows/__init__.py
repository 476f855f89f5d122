"""What the business wants: one room per flow, pure. Rooms are found by scanning for a module-level `FLOW`."""
