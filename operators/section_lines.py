"""Draws, on the Sequencer's timeline, where the sections of a shot lie and how far each is.

It draws for the selected shots, and for the shot that Generate would make. What is drawn is decided without a screen
(`engine/client/section_marks.py`); here it becomes batches, which are kept until something of it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import bpy

from ..engine.client.kept_drift import drift_of
from ..engine.client.section_borders import Sections, planned, sections_by, told
from ..engine.client.section_marks import BORDER, Marks, marks
from ..engine.client.session import Job
from ..engine.client.shot_words import prompts_over, prompts_through
from ..engine.client.stored_request import asked_for
from ..engine.client.takes import plan_of
from ..engine.protocol import ShotRequest
from . import (
    batches,
    generate,
    runtime,
    sequencer,
    settings,
    start_sources,
    take_stamps,
    text_strips,
    unexpected,
)

_handle: Any = None
_kept: dict[str, tuple[tuple[Any, ...], Marks, Any]] = {}
"""Of each shot that is drawn: what its marks depend on, they themselves, and their batches."""


class _Drawn(NamedTuple):
    """One shot to draw: by what it is kept, what its marks depend on, and how to make them."""

    name: str
    key: tuple[Any, ...]
    make: Any


def shown(context: Any) -> Iterator[Marks]:
    """The marks of what is to be drawn now. Costs a look at the strips where nothing has changed."""
    scene = sequencer.scene_of(context)
    drawn = list(_drawn(context, scene)) if scene is not None and scene.sequence_editor is not None else []
    for name in _kept.keys() - {each.name for each in drawn}:
        del _kept[name]
    for each in drawn:
        if each.name not in _kept or _kept[each.name][0] != each.key:
            _kept[each.name] = each.key, each.make(), None
        yield _kept[each.name][1]


def _drawn(context: Any, scene: Any) -> Iterator[_Drawn]:
    client = runtime.client
    if client is None:
        return
    selected = [strip for strip in sequencer.displayed(scene.sequence_editor) if strip.select and strip.type == "META"]
    for meta in selected:
        shot = runtime.shot_of(meta.shotpack.shot)
        job = client.job(shot) if shot is not None else None
        if shot is None or job is None or job.plan is None:
            yield from _made(meta)
            yield from _unplanned(meta, client.about)
            continue
        now = tuple(_words_now(scene, meta, client.about, forward=job.plan.order == "forward"))
        start, visible, making = sequencer.content_start(meta), sequencer.span(meta), job.step and job.step.section
        place = start, visible.start, visible.stop, meta.channel
        drift = _measured(meta)
        key = shot.revision, id(job.plan), job.state, len(job.sections), making, now, place, drift
        yield _Drawn(
            f"{shot.id} {meta.name}",
            key,
            lambda shot=shot, job=job, now=now, start=start, visible=visible, channel=meta.channel, drift=drift: marks(
                told(job if job.drift else replace(job, drift=dict(drift_of(drift))), shot.finals, now or None),
                start,
                visible,
                channel,
            ),
        )
    if not selected and not (context.screen is not None and context.screen.is_animation_playing):
        yield from _next(context, scene, client.about)


def _made(meta: Any) -> Iterator[_Drawn]:
    """A shot that was made before this file was opened: its strip keeps its plan."""
    plan = plan_of(meta.shotpack.plan) if meta.shotpack.state == "finished" and meta.shotpack.plan else None
    if plan is not None:
        start, visible, channel = sequencer.content_start(meta), sequencer.span(meta), meta.channel
        place = start, visible.start, visible.stop, channel
        drift = _measured(meta)
        made = Job("", "finished", plan=plan, drift=dict(drift_of(drift)))
        key = meta.shotpack.plan, drift, place
        yield _Drawn(meta.name, key, lambda: marks(told(made, ()), start, visible, channel))


def _measured(meta: Any) -> str:
    """What a strip keeps of the drift of what it shows: of a finish that of the take that it finishes."""
    return str(take_stamps.measured(meta.shotpack, meta.shotpack).drift)


def _unplanned(meta: Any, about: Any) -> Iterator[_Drawn]:
    """A shot that waits, or that was never sent: the engine has not planned it, and its model says how it will."""
    stamp = meta.shotpack
    asked = _asked(stamp.request) if stamp.state not in ("finished", "failed", "cancelled") else None
    sections = _sections(about, asked) if asked is not None else None
    if asked is None or sections is None:
        return
    start, visible, frames = sequencer.content_start(meta), sequencer.span(meta), asked.frames
    yield _Drawn(
        f"{stamp.shot} {meta.name}",
        (sections, frames, start, visible.start, visible.stop, meta.channel),
        lambda channel=meta.channel: marks(planned(sections, frames), start, visible, channel),
    )


def _next(context: Any, scene: Any, about: Any) -> Iterator[_Drawn]:
    """The shot that Generate would make, if the engine has said how its model's sections lie."""
    if not about.get("details"):
        return  # nor is it worth a look at what Generate would do, at every drawing
    found = generate.intent(context)
    if isinstance(found, str) or found.end is not None:
        return
    wanted = scene.shotpack
    sections = sections_by(about, settings.model_of(wanted), found.fps, conform=wanted.rate == "CONFORM")
    if sections is None:
        return
    spot = found.spot
    visible = range(spot.start, spot.start + spot.length)
    # Under the board's strip where there is one: where the shot will lie, nothing is to be seen yet.
    channel = found.strip.channel if found.strip is not None else spot.channel
    yield _Drawn(
        "",
        (sections, spot, channel),
        lambda: marks(planned(sections, spot.length), spot.start, visible, channel),
    )


def _words_now(scene: Any, meta: Any, about: Any, *, forward: bool) -> list[str]:
    """The words that each section of a shot would be made of now; empty where nobody can say.

    A shot through the boards of many strips would be made of what these say now, while they lie as they did.
    """
    asked = _asked(meta.shotpack.request)
    if asked is None:
        return []
    if (sections := _sections(about, asked)) is None:
        return []
    if names := batches.names_through(meta.shotpack.through):
        stretches = _stretches_now(scene, names, asked)
        if not stretches:
            return []
        changes = prompts_through(stretches, text_strips.timed_texts(scene))
        boards = sorted(board.frame for board in asked.boards)
        return sections.words_through(boards, asked.frames, stretches[0][1], changes, forward=forward)
    if len(asked.boards) > 1:
        return []
    start = sequencer.content_start(meta)
    frames = range(start, start + asked.frames)
    prompt = _prompt_now(scene, meta, frames) or asked.prompt
    return sections.words(asked.frames, prompt, prompts_over(frames, text_strips.timed_texts(scene), prompt))


def _sections(about: Any, asked: ShotRequest) -> Sections | None:
    """How a shot's sections lie by what the engine says of its model; None where it does not."""
    return sections_by(about, asked.model, asked.fps or 0, conform=asked.conform)


def _prompt_now(scene: Any, meta: Any, frames: range) -> str:
    """The words that a shot over its board would be made with now: its strip's own, a text strip's, a marker's, the
    scene's. Empty where it does not lie there any more: nobody asks for it as it is.
    """
    board = scene.sequence_editor.strips_all.get(meta.shotpack.board) if meta.shotpack.board else None
    if board is None or sequencer.span(board).start != frames.start:
        return ""
    return start_sources.words(scene, frames, board).text


def _stretches_now(scene: Any, names: tuple[str, ...], asked: ShotRequest) -> list[tuple[range, str]]:
    """The timeline's frames from each board to the next and the words there now; none where a strip was moved."""
    strips = [scene.sequence_editor.strips_all.get(name) for name in names]
    if None in strips or len(strips) != len(asked.boards):
        return []
    starts = [sequencer.span(strip).start for strip in strips]
    if [start - starts[0] + 1 for start in starts] != sorted(board.frame for board in asked.boards):
        return []
    frames = [range(*each) for each in pairwise([*starts, starts[0] + asked.frames])]
    said = start_sources.words_each(scene, zip(frames, strips, strict=True))
    return [(shown, words.text) for shown, words in zip(frames, said, strict=True)]


def _asked(request: str) -> ShotRequest | None:
    """What a shot was asked for, as far as that says where its sections lie."""
    asked = asked_for(request)
    return asked if asked is not None and asked.fps is not None else None


@unexpected.outlived(None)
def _draw() -> None:
    for _ in shown(bpy.context):
        pass
    if not _kept:
        return
    import gpu

    shader = gpu.shader.from_builtin("FLAT_COLOR")
    gpu.state.blend_set("ALPHA")
    for name, (key, found, ready) in _kept.items():
        if ready is None:
            ready = _batches(shader, found)
            _kept[name] = key, found, ready
        for batch in ready:
            batch.draw(shader)
    gpu.state.blend_set("NONE")


def _batches(shader: Any, found: Marks) -> list[Any]:
    from gpu_extras.batch import batch_for_shader

    corners, colours = [], []
    for (left, bottom, right, top), colour in found.bars:
        one, two, three, four = (left, bottom), (right, bottom), (right, top), (left, top)
        corners += [one, two, three, one, three, four]
        colours += [colour] * 6
    ends = [(frame, y) for frame, bottom, top in found.borders for y in (bottom, top)]
    made = []
    for kind, places, tints in (("TRIS", corners, colours), ("LINES", ends, [BORDER] * len(ends))):
        if places:
            made.append(batch_for_shader(shader, kind, {"pos": [(*at, 0.0) for at in places], "color": tints}))
    return made


def attach() -> None:
    """Draw from now on; a file that is opened changes nothing of it. Without a window there is nothing to draw on."""
    global _handle
    if not bpy.app.background:
        _handle = bpy.types.SpaceSequenceEditor.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def detach() -> None:
    """Draw no more."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(_handle, "WINDOW")
        _handle = None
    _kept.clear()
