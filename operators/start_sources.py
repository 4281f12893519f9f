"""What a shot may start from: which strip, at which frame, and whether the model can."""

from __future__ import annotations

from typing import Any

import bpy

from . import runtime, sequencer, settings

_NEEDS = {"TEXT": "text", "CLIP": "clip"}
"""The engine's word for a source; all others are boards."""
_CANNOT = {
    "board": "This model cannot start from a picture. Under Advanced, choose one that can: {models}.",
    "text": "This model needs a picture to start from. Under Advanced, choose one that needs none: {models}.",
    "clip": "This model cannot go on from a strip. Under Advanced, choose one that can: {models}.",
}
_NONE_CAN = {
    "board": "No model here can start from a picture; get one that can, or choose another start.",
    "text": "All models here need a picture to start from; get one that needs none, or choose another start.",
    "clip": "No model here can go on from a strip; get one that can, or choose another start.",
}


def unfit(wanted: Any) -> str | None:
    """The sentence for the artist where the model cannot start so. Before the engine has spoken all is well."""
    start = _NEEDS.get(wanted.source, "board")
    client = runtime.client
    if client is None or start in client.starts(settings.model_of(wanted)):
        return None
    able = [model for model in client.about.get("models", ()) if start in client.starts(model)]
    translated = bpy.app.translations.pgettext_iface
    return translated(_CANNOT[start]).format(models=", ".join(able)) if able else translated(_NONE_CAN[start])


def strip_of(scene: Any) -> Any | None:
    """The strip that a shot would start from now; None where it starts from none, or there is none."""
    if scene.shotpack.source == "STRIP":
        return sequencer.board_strip(scene)
    return sequencer.moving_strip(scene) if scene.shotpack.source == "CLIP" else None


def beginning(scene: Any, strip: Any | None) -> int:
    """The frame at which a shot would begin that starts from `strip`."""
    if strip is None:
        return int(scene.frame_current)
    return sequencer.joint(scene, strip) if scene.shotpack.source == "CLIP" else sequencer.span(strip).start


def pictures(scene: Any, strip: Any | None, end: Any | None, start: int) -> list[tuple[Any, int]]:
    """The strips that a shot beginning at frame `start` takes a picture from, each with the frame of it."""
    if strip is None:
        return []
    if scene.shotpack.source == "CLIP":
        return [(strip, start - 1)]
    return [(each, sequencer.frame_of(scene, each)) for each in (strip, end) if each is not None]
