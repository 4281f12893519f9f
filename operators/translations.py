"""Shotpack in the artist's language: English text to what Blender shows instead, by language and context.

Blender looks up the names of operators ("Operator"), properties, panels and labels ("*") by itself; texts of any
length go through `panels.text`. A language is one more table here; what it leaves out is shown in English.
"""

from __future__ import annotations

import bpy

from .german_camera import CAMERA, CAMERA_OPERATORS
from .german_drift import DRIFT
from .german_finishing import FINISHING, FINISHING_OPERATORS
from .german_labels import LABELS
from .german_moves import MOVE_OPERATORS, MOVES
from .german_operators import OPERATORS
from .german_tooltips import OF_THE_ENGINE, TOOLTIPS
from .settings import ADDON
from .shot_options import CONTEXT

_GERMAN_OPERATORS = OPERATORS | CAMERA_OPERATORS | MOVE_OPERATORS | FINISHING_OPERATORS
_GERMAN = LABELS | TOOLTIPS | OF_THE_ENGINE | CAMERA | MOVES | DRIFT | FINISHING
TABLES: dict[str, dict[tuple[str, str], str]] = {
    "de_DE": {
        **{("Operator", english): german for english, german in _GERMAN_OPERATORS.items()},
        **{(context, english): german for context in ("*", CONTEXT) for english, german in _GERMAN.items()},
    },
}
"""By language: (context, English) to the text shown."""


def attach() -> None:
    """Let Blender know the tables."""
    bpy.app.translations.register(ADDON, TABLES)


def detach() -> None:
    """Take them away again."""
    bpy.app.translations.unregister(ADDON)
