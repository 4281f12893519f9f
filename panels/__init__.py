"""How it looks: drawing only, no disk, no network."""

from __future__ import annotations

from . import advanced, choices, engine, joins, preferences, prompt, seeds, shot, shots, storyboard, takes

CLASSES: tuple[type, ...] = (
    *preferences.CLASSES,
    *prompt.CLASSES,
    *shot.CLASSES,
    *choices.CLASSES,
    *advanced.CLASSES,
    *joins.CLASSES,
    *storyboard.CLASSES,
    *seeds.CLASSES,
    *takes.CLASSES,
    *shots.CLASSES,
    *engine.CLASSES,
)
