"""Events: what arrived at each connection, what it says, which call it belongs to, and what was refused at the door."""
