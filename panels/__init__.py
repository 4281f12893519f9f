"""How it looks: drawing only, no disk, no network."""

from __future__ import annotations

from . import advanced, engine, preferences, shot, shots

CLASSES: tuple[type, ...] = (
    *preferences.CLASSES,
    *shot.CLASSES,
    *advanced.CLASSES,
    *shots.CLASSES,
    *engine.CLASSES,
)
