"""Marks of generators' options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """Mark an option that only sampling uses: changing it retrains no model."""
