"""Pages of replays: past calls under other settings."""
