"""Where undos are found; the rooms of runs and of undos both ask."""

from __future__ import annotations

from django.urls import reverse

from tieline.store import public_ids


def undo_id(id: int) -> str:
    """Its public id."""
    return public_ids.of("undo").show(id)


def url_of(id: int) -> str:
    """Its page."""
    return reverse("runs-undo", args=[undo_id(id)])
