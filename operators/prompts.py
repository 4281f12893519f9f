"""Prompts: whose they are, what the chosen model makes of their words, and those that shots of this file have."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy
from bpy.props import StringProperty

from ..engine.client.prompt_words import Understood, understand, unread
from ..engine.client.stored_request import plain
from ..engine.protocol import PROMPT_MAXIMUM
from ..engine.vocabulary import CAMERA, Vocabulary
from . import models, runtime, sequencer, settings, shot_strips

_MOST = 20
"""Prompts of earlier shots that are offered."""
_SKETCH = "sketch"
_LETTER = 6.6
"""Pixels of a letter of the mean width."""
_history: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
"""Requests that were looked into last, and the prompts in them."""


def owner(scene: Any, strip: str) -> Any:
    """What keeps the prompt: the strip of that name, where strips have their own; else the scene."""
    editor = scene.sequence_editor
    found = editor.strips_all.get(strip) if strip and editor is not None else None
    return getattr(found, "shotpack_board", None) or scene.shotpack


def vocabulary(wanted: Any) -> Vocabulary | None:
    """The words that the scene's model was taught; None where it reads free language, or is not known yet."""
    return _told(wanted, "vocabularies", "vocabulary")


def reads(wanted: Any) -> int | None:
    """How many tokens of a prompt the scene's model reads at most; None where that is not known yet."""
    return _told(wanted, "prompt_tokens", "prompt_tokens")


def _told(wanted: Any, by_engine: str, by_list: str) -> Any:
    """What the engine says of the model, and before it has been heard the list of models on this machine."""
    name, client = settings.model_of(wanted), runtime.client
    if client is not None and by_engine in client.about:
        return client.about[by_engine].get(name or next(iter(client.about.get("models", ())), ""))
    if settings.preferences().remote:
        return None
    models.look_soon()
    return getattr(models.known(name or _best()), by_list, None)


def _best() -> str:
    """The model that the engine would take: it goes by its catalog, and takes Sketch last."""
    here = [model.name for model in models.model_list.models if model.state == "installed"] if models.model_list else []
    return next((name for name in here if name != _SKETCH), _SKETCH)


def said_of(prompt: str, wanted: Any) -> list[tuple[str, str]]:
    """What there is to say of a prompt before it is sent: sentences, each with its icon. Cheap."""
    if not prompt.strip():
        return []
    known = vocabulary(wanted)
    if known is not None:
        return _understood(understand(prompt, known), known)
    tokens = reads(wanted)
    rest = unread(prompt, tokens) if tokens else ""
    return [_cut(rest)] if rest else []


def _understood(found: Understood, known: Vocabulary) -> list[tuple[str, str]]:
    translated = bpy.app.translations.pgettext_iface
    lines = []
    named = ", ".join(filter(None, (*(move.name for move in found.moves), *found.speeds)))
    moved = any(move.of == CAMERA for move in found.moves)
    if found.moves:
        text = translated("Understood: {words}").format(words=named)
        lines.append((text, "CHECKMARK" if found.sure else "QUESTION"))
    elif found.loose:
        text = translated("No move found, but {words} may stir the picture.").format(words=_quoted(found.loose))
        lines.append((text, "QUESTION"))
    elif found.still:
        lines.append((translated("Understood: the camera stands still"), "CHECKMARK"))
    else:
        lines.append((translated("No camera move found: the picture will stand still."), "INFO"))
    if found.meant:
        either = translated(" or ").join(f"'{move.name}'" for move in found.meant)
        lines.append((translated("Did you mean {words}?").format(words=either), "QUESTION"))
    if len(found.moves) > 1:
        lines.append((translated("This model makes one move in a shot: it may mix these up."), "ERROR"))
    elif moved and found.still:
        lines.append((translated("It also says that the camera stands still."), "ERROR"))
    if found.moves and found.loose:
        text = translated("{words} may turn the move elsewhere: the model takes it for a part of one.")
        lines.append((text.format(words=_quoted(found.loose)), "ERROR"))
    if len(found.speeds) > 1:
        lines.append((translated("It says more than one speed."), "ERROR"))
    if found.length > known.practised:
        text = translated("Longer than this model was taught: up to {count} words it reads surely.")
        lines.append((text.format(count=known.practised), "INFO"))
    return [*lines, _cut(found.unread)] if found.unread else lines


def lines(text: str, pixels: int) -> list[str]:
    """A text in lines that fit a dialog so many pixels wide: Blender cuts a label's middle out."""
    return textwrap.wrap(text, int(pixels / _LETTER))


def _cut(rest: str) -> tuple[str, str]:
    words = " ".join(rest.split()[:5])[:60]
    text = bpy.app.translations.pgettext_iface("The model stops reading before '{words}'.")
    return text.format(words=words), "ERROR"


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def history() -> tuple[str, ...]:
    """The prompts of the shots in this file, the newest shot's first, each once. Cheap where no shot has changed."""
    global _history
    requests = tuple(strip.shotpack.request for _, strip in shot_strips.stamped())
    if requests != _history[0]:
        found = filter(None, (prompt_of(request) for request in reversed(requests)))
        _history = requests, tuple(dict.fromkeys(found))[:_MOST]
    return _history[1]


def prompt_of(request: str) -> str:
    """The prompt in a shot's stored request, whoever wrote that; empty where it says none."""
    prompt = asked_of(request).get("prompt", "")
    return prompt[:PROMPT_MAXIMUM].strip() if isinstance(prompt, str) else ""


def asked_of(request: str) -> dict[str, Any]:
    """What a shot's stored request says, whoever wrote that; empty where it is none."""
    try:
        asked = plain(request)
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


class SHOTPACK_OT_set_prompt(bpy.types.Operator):  # noqa: N801
    """Write this as the prompt, in place of what stands there"""

    bl_idname = "shotpack.set_prompt"
    bl_label = "Use This Prompt"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    prompt: StringProperty(name="Prompt", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    strip: StringProperty(name="Strip", description="Whose prompt; empty: the scene's", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        return str(properties.prompt)

    def execute(self, context: Any) -> set[str]:
        owner(sequencer.scene_of(context), self.strip).prompt = self.prompt
        return {"FINISHED"}


CLASSES = (SHOTPACK_OT_set_prompt,)
