"""Tryton, a real ERP: parties, opportunities and notes over its REST routes."""
