"""Settings of the workspace: name, place, language, second factor."""
