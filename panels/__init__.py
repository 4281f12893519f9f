"""How it looks: drawing only, no disk, no network."""

from __future__ import annotations

from . import preferences, shot, shots

CLASSES: tuple[type, ...] = (*preferences.CLASSES, *shot.CLASSES, *shots.CLASSES)
