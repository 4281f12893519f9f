"""How far a section of a model's shots may drift: data of its manifest, since it was measured on its shots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..drift import Measure


@dataclass(frozen=True)
class DriftLimits:
    """Beyond these a section counts as drifted (`engine/drift.py` says what is measured). None: no such limit.

    No part of how a shot is made: other limits change no digest, and a begun shot goes on with those of today.
    """

    least_sharpness: float | None = 0.5
    most_sharpness: float | None = 2.0
    softens: float | None = 0.5
    sharpens: float | None = 2.0
    colours: float | None = 0.2
    likeness: float | None = 0.4
    jump: float | None = 4.0
    seam: float | None = 4.0
    repeats: float | None = 0.0
    warp: float | None = 3.0

    def told(self, said: Mapping[str, Any]) -> DriftLimits:
        """The same with what a manifest says of it."""
        return replace(self, **said)

    def of(self, measure: Measure) -> tuple[float | None, float | None]:
        """The least and the most that a measure may be."""
        if measure is Measure.SHARPNESS:
            return self.least_sharpness, self.most_sharpness
        limit: float | None = getattr(self, str(measure))
        return (limit, None) if measure in _LEAST else (None, limit)


_LEAST = (Measure.LIKENESS, Measure.SOFTENS)
"""Measures that must not be below their limit; all others must not be above it."""
USUAL_LIMITS = DriftLimits()
"""What holds of models whose manifest says nothing: wide, so that what is marked is plain to see."""
