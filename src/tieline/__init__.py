"""Tieline: a self-hosted hub that joins what a business already uses to its CRM."""
