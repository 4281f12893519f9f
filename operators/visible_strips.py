"""What the Sequencer shows of one strip: the strips that make its picture, and how opaque it is.

It only reads. `strip_scene.py` makes a scene of it; `missing_pictures.py` says what of it is not to be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import sequencer

_TRANSITIONS = ("CROSS", "GAMMA_CROSS", "WIPE")
_SHOWS_NOTHING_BELOW = ("REPLACE", "CROSS")
"""Ways of blending that, at full opacity, leave nothing of what lies below."""
MADE_OF_BELOW = ("ADJUSTMENT", "MULTICAM")
_OPAQUE_FILES = (".jpg", ".jpeg", ".mp4", ".m4v")
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Stack:
    """The strips of one level that make up what is seen of a strip there."""

    level: Any
    """What they lie in: the scene's editor, or the meta strip that holds them."""
    shown: tuple[Any, ...]
    """Those that are seen, the topmost first."""
    lit: tuple[Any, ...]
    """Those of them that are shown whatever mutes or fades them: the strip itself, and the effects on it."""
    sources: tuple[Any, ...]
    """What the others are made of without being seen themselves: an effect's inputs, a modifier's mask."""

    @property
    def unseen(self) -> list[Any]:
        """Those sources that Blender would show by themselves: not those below the effect that shows them."""
        through = _consumed([*self.shown, *self.sources])
        return [each for each in self.sources if each not in through]

    @property
    def over_others(self) -> bool:
        """Whether anything else is seen below the strip."""
        return len(self.shown) > 1


def of_strip(scene: Any, strip: Any, frames: Sequence[int]) -> Stack:
    """What is seen of `strip` at the frames: the strip as it stands once it has faded in, over what lies below it.

    What lies above it is left out, and so is a transition to or from it; an effect on it is a part of it.
    """
    level = strip.parent_meta() or scene.sequence_editor
    lit = [*_effects_on(level, strip, frames), strip]
    top = lit[0]
    below = [
        each
        for each in visible(level, frames)
        if each.channel < top.channel and each not in lit and not _passes_over(each, strip)
    ]
    consumed = _consumed([*lit, *below])
    shown = [top]
    for each in [each for each in below if each not in consumed]:
        if _hides_below(scene, shown[-1], frames):
            break
        shown.append(each)
    return Stack(level, tuple(shown), tuple(lit), tuple(sources_of(shown)))


def lowest(scene: Any, shown: Sequence[Any], frame: int) -> Any | None:
    """The lowest of the strips that are seen, or the lowest inside where that is a meta strip."""
    last = shown[-1]
    if last.type != "META":
        return last
    inside = _seen_inside(scene, last, frame)
    return lowest(scene, inside, frame) if inside else None


def only(scene: Any, strip: Any, frame: int) -> Any | None:
    """The strip whose picture is all that is seen of `strip` at a frame: itself, or the only one in a meta strip."""
    if strip.type != "META":
        return strip
    inside = _seen_inside(scene, strip, frame)
    return only(scene, inside[0], frame) if len(inside) == 1 else None


def opacity(scene: Any, strip: Any) -> float:
    """How opaque a strip is once it has faded in; one that is never to be seen is taken to be opaque."""
    data = scene.animation_data
    if data is None or not animated(scene, strip, "blend_alpha"):
        return strip.blend_alpha or 1.0
    curves = [] if data.action is None else [each for each in _curves(data.action) if fades(each, strip)]
    highest = max((each.evaluate(frame) for each in curves for frame in sequencer.span(strip)), default=1.0)
    return min(1.0, highest) if highest > 0 else 1.0


def animated(scene: Any, strip: Any, name: str = "") -> bool:
    """Whether anything of a strip, or its property `name`, is animated or driven; what NLA strips do counts for all."""
    data = scene.animation_data
    if data is None:
        return False
    if any(track.strips for track in data.nla_tracks):
        return True
    curves = [*(_curves(data.action) if data.action is not None else ()), *data.drivers]
    return any(_moves(each, strip) and each.data_path.endswith(f".{name}" if name else "") for each in curves)


def fades(curve: Any, strip: Any) -> bool:
    """Whether an animation curve or a driver changes how opaque this strip is."""
    return _moves(curve, strip) and curve.data_path.endswith(".blend_alpha")


def curves_of(scene: Any, strip: Any, name: str) -> list[Any]:
    """The animation curves of a strip's property `name`."""
    action = scene.animation_data.action if scene.animation_data is not None else None
    curves = _curves(action) if action is not None else ()
    return [each for each in curves if _moves(each, strip) and each.data_path.endswith(f".{name}")]


def remove_curves(action: Any, unwanted: Callable[[Any], bool]) -> None:
    """Remove curves from an action of our own."""
    for curves in _bags(action):
        for curve in [each for each in curves if unwanted(each)]:
            curves.remove(curve)


def _moves(curve: Any, strip: Any) -> bool:
    name = bpy.utils.escape_identifier(strip.name)
    return any(curve.data_path.startswith(f'sequence_editor.{each}_all["{name}"].') for each in ("strips", "sequences"))


def _bags(action: Any) -> Iterator[Any]:
    """The collections of an action's curves, whichever Blender made it."""
    for layer in action.layers:
        for piece in layer.strips:
            for bag in piece.channelbags:
                yield bag.fcurves
    if not action.layers and "fcurves" in action.bl_rna.properties:  # before 5.0: one of an older file
        yield action.fcurves


def _curves(action: Any) -> Iterator[Any]:
    for curves in _bags(action):
        yield from curves


def fills(scene: Any, strip: Any) -> bool:
    """Whether the strip's picture fills the frame, upright and uncut."""
    place, crop = strip.transform, strip.crop
    if any((place.offset_x, place.offset_y, place.rotation, crop.min_x, crop.max_x, crop.min_y, crop.max_y)):
        return False
    if strip.type not in ("IMAGE", "MOVIE"):
        return bool(place.scale_x == place.scale_y == 1.0)
    first = strip.elements[0] if strip.elements else None
    if first is None or not first.orig_width:
        return False
    fill = max(scene.render.resolution_x / first.orig_width, scene.render.resolution_y / first.orig_height)
    return all(scale > fill * (1 - _TOLERANCE) for scale in (place.scale_x, place.scale_y))


def files(shown: Iterable[Any], frame: int) -> Iterator[tuple[Any, Path]]:
    """The picture and movie files that strips show at a frame, also inside meta strips, each with its strip."""
    for each in shown:
        if frame not in sequencer.span(each):
            continue
        if each.type == "META":
            yield from files(visible(each, (frame,)), frame)
        elif (file := sequencer.file_at(each, frame)) is not None:
            yield each, file


def visible(level: Any, frames: Sequence[int]) -> list[Any]:
    """The strips of a level that are not muted, at any of the frames if there are any; the topmost first, no sounds."""
    found = [
        each
        for each in level.strips
        # Whether it is there at all is asked first: to look at its channel costs ten times as much.
        if (not frames or any(frame in sequencer.span(each) for frame in frames))
        and each.type != "SOUND"
        and not sequencer.is_muted(level, each)
    ]
    return sorted(found, key=lambda each: each.channel, reverse=True)


def _effects_on(level: Any, strip: Any, frames: Sequence[int]) -> list[Any]:
    """The effects above a strip that show it changed, the topmost first: not those that lead to another strip."""
    found, last = [], strip
    while True:
        over = [
            each
            for each in visible(level, frames)
            if each.channel > last.channel and last in inputs(each) and each.type not in _TRANSITIONS
        ]
        if not over:
            return found[::-1]
        last = over[-1]
        found.append(last)


def _consumed(shown: Sequence[Any]) -> list[Any]:
    """The strips below an effect that is made of them: seen through it, they are not seen by themselves."""
    return [each for effect in shown for each in inputs(effect) if each.channel < effect.channel]


def _passes_over(each: Any, strip: Any) -> bool:
    """Whether it is a transition of which the strip is a part."""
    return each.type in _TRANSITIONS and strip in inputs(each)


def inputs(strip: Any) -> list[Any]:
    """What an effect is made of."""
    found = (getattr(strip, name, None) for name in ("input_1", "input_2"))
    return [each for each in found if each is not None]


def sources_of(shown: Iterable[Any]) -> list[Any]:
    """What strips are made of, and that of it in turn, but for what is shown itself."""
    shown = list(shown)
    found: list[Any] = []
    waiting = list(shown)
    while waiting:
        each = waiting.pop()
        masks = (getattr(modifier, "input_mask_strip", None) for modifier in getattr(each, "modifiers", ()))
        for source in (*inputs(each), *(mask for mask in masks if mask is not None)):
            if source not in found and source not in shown:
                found.append(source)
                waiting.append(source)
    return found


def _hides_below(scene: Any, strip: Any, frames: Sequence[int]) -> bool:
    """Whether nothing can be seen of what lies below a strip; where that is not certain it is said not to."""
    if any(frame not in sequencer.span(strip) for frame in frames):
        return False
    if strip.type in MADE_OF_BELOW or opacity(scene, strip) < 1.0 or animated(scene, strip):
        return False
    if strip.blend_type in _SHOWS_NOTHING_BELOW:
        return True
    if strip.type not in ("IMAGE", "MOVIE", "META") or strip.blend_type != "ALPHA_OVER" or len(strip.modifiers):
        return False
    if not fills(scene, strip):
        return False
    if strip.type == "META":
        return all(_hides(scene, _seen_inside(scene, strip, frame), frame) for frame in frames)
    pictures = (sequencer.file_at(strip, frame) for frame in frames)
    return all(file is not None and opaque(file) for file in pictures)


def _hides(scene: Any, shown: Sequence[Any], frame: int) -> bool:
    return bool(shown) and shown[-1].blend_type == "ALPHA_OVER" and _hides_below(scene, shown[-1], (frame,))


def _seen_inside(scene: Any, meta: Any, frame: int) -> list[Any]:
    """What is seen inside a meta strip, the topmost first."""
    shown: list[Any] = []
    for each in visible(meta, (frame,)):
        shown.append(each)
        if _hides_below(scene, each, (frame,)):
            break
    return shown


def opaque(file: Path) -> bool:
    """Whether the picture in a file certainly has no transparency, by its name or by how a PNG begins."""
    if file.suffix.lower() in _OPAQUE_FILES:
        return True
    try:
        with file.open("rb") as opened:
            head = opened.read(4096)
    except OSError:
        return False
    plain = head[25:26] in (b"\x00", b"\x02")  # grey, colour
    return head[:4] == b"\x89PNG" and plain and b"tRNS" not in head.partition(b"IDAT")[0]
