"""Runs: every decision as a story. What arrived, what was looked for, what was decided and why, what was written."""
