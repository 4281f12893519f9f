"""How it looks: drawing only, no disk, no network."""

from __future__ import annotations

from . import advanced, engine, preferences, prompt, shot, shots, storyboard

CLASSES: tuple[type, ...] = (
    *preferences.CLASSES,
    *prompt.CLASSES,
    *shot.CLASSES,
    *advanced.CLASSES,
    *storyboard.CLASSES,
    *shots.CLASSES,
    *engine.CLASSES,
)
