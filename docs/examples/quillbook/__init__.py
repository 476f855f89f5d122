"""Quillbook for Tieline: the example of a connector outside Tieline."""
