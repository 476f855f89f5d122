"""Signing in and out, one's password and second factor, and the one-time links that let people in."""
