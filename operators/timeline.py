"""Shots on the timeline: the one file that makes and changes their strips.

A shot is a meta strip that bears a stamp (`settings.ShotStamp`). Inside it are, on channel 1, its board over the whole
length; on channel 2, one image sequence for each section that can be seen, and one in which the newest preview of the
section that is being denoised plays; in the end, instead of all of them, one image sequence of all frames. Another take
(`take_stamps.py`) shows its sections in that one, by the names of its pictures.
`reconcile` makes a shot's strips what its record says, wherever the artist has moved, cut or copied them to; it is
idempotent, and everything that changes a shot ends in it. Frames are counted from 1 in a shot.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.finishes import finish_of
from ..engine.client.kept_drift import text_at_rest
from ..engine.client.session import Job
from ..engine.client.shot import FIRST_TAKE, Shot
from ..engine.client.takes import mark_of, plan_text
from ..engine.client.unplaced_folders import placed
from ..engine.errors import Code
from ..engine.events import Started
from . import sequencer, strip_provenance, take_stamps, trust
from .image_strips import append, blender_path, new_image, new_sequence, place_as, show
from .shot_strips import FINAL, IN_ITS_FOLDER, PLACEHOLDER, PREVIEW, SECTION, content, find, listing, of_role, stamped

_COLOURS = {"running": "COLOR_03", "finished": "COLOR_04", "failed": "COLOR_01", "cancelled": "COLOR_01"}
_WAITING_COLOUR = "COLOR_06"
_PLACEHOLDER_CHANNEL, _SECTION_CHANNEL, _FINAL_CHANNEL, _KEPT_CHANNEL = 1, 2, 3, 4
_KEPT, _FINISHED = -1, -2
"""No section's place: all that a shot showed before it was extended; what is there of a finish in the making."""

_NOT_TAKEN = {Code.REFUSED: "failed", Code.NOT_SENT: "cancelled"}


@dataclass(frozen=True)
class Spot:
    """Where a shot is seen: scene frames and channel. What it hides of itself lies beside that (`Shot.hidden`)."""

    start: int
    length: int
    channel: int


def place(scene: Any, shot: Shot, spot: Spot, board: Path) -> Any:
    """Put a new shot on the timeline, showing its board; returns its meta strip. What is selected stays so."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    start = spot.start - shot.hidden
    # What it hides may lie where another strip is seen: until its handle is set it needs a place for all of it.
    channel = sequencer.free_channel(scene, start, shot.frames) if shot.hidden else spot.channel
    meta = sequencer.displayed(editor).new_meta(shot.name, channel, start)
    stamp = meta.shotpack
    stamp.hidden = shot.hidden
    stamp.shot, stamp.name, stamp.frames, stamp.request = shot.id, shot.name, shot.frames, shot.request
    stamp.key = shot.key
    if shot.take != FIRST_TAKE:
        stamp.take = shot.take
        take_stamps.begin_list(stamp)
    _place_board(meta, shot, board)
    sequencer.set_end(meta, start + shot.frames)
    if shot.hidden:
        sequencer.set_start(meta, spot.start)
        meta.channel = spot.channel
    meta.color_tag = _WAITING_COLOUR
    meta.select = False  # a new strip comes selected, and a second selected strip means an end board
    placed(shot.folder)
    return meta


def begin_again(shot: Shot, board: Path) -> None:
    """Show the board alone in a shot's strips, wherever they are: it is to be made anew, from pictures of its own."""
    placed(shot.folder)
    for meta in find(shot.id):
        old = of_role(meta, PREVIEW, SECTION, FINAL)
        placeholder = next(iter(of_role(meta, PLACEHOLDER)), None)
        if placeholder is None:
            _place_board(meta, shot, board)
        else:
            placeholder.directory = f"{blender_path(board.parent)}/"
        for strip in old:
            meta.strips.remove(strip)
        meta.shotpack.job, meta.shotpack.key, meta.shotpack.request = "", shot.key, shot.request
        meta.shotpack.plan = meta.shotpack.drift = ""


def extend(meta: Any, shot: Shot, still: Path) -> None:
    """Let a finished shot's strip stand for a longer one that begins with the same frames, which lie in its folder.

    What it showed is shown on, then `still`, until the longer one's sections come.
    """
    stamp, start = meta.shotpack, sequencer.content_start(meta)
    for strip in of_role(meta, FINAL):
        strip.directory = f"{blender_path(shot.folder)}/"
        strip.shotpack.role, strip.shotpack.section = SECTION, _KEPT
        strip.channel = _KEPT_CHANNEL
    if meta.name == stamp.name:
        meta.name = shot.name
    stamp.shot, stamp.name, stamp.frames, stamp.request = shot.id, shot.name, shot.frames, shot.request
    stamp.job, stamp.key, stamp.state, stamp.plan, stamp.drift = "", shot.key, "sending", "", ""
    stamp.takes.clear()  # those of the shorter one are its own
    if stamp.trying:  # a seed of one section alone: who wants more of it goes on with it
        stamp.trying, meta.mute = False, False
    stamp.take = shot.take
    take_stamps.begin_list(stamp)
    _place_board(meta, shot, still)
    sequencer.set_end(meta, start + shot.frames)
    meta.color_tag = _WAITING_COLOUR


def remove(shot: str) -> None:
    """Take all strips of a shot off their timelines, whichever of its takes they show."""
    for scene, meta in list(stamped()):
        if take_stamps.lists(meta.shotpack, shot):
            owner = next(
                (each for each in scene.sequence_editor.strips_all if _holds(each, meta)), scene.sequence_editor
            )
            owner.strips.remove(meta)


def _holds(strip: Any, inside: Any) -> bool:
    return strip.type == "META" and any(each == inside for each in strip.strips)


def reconcile(shot: Shot, job: Job | None, metas: list[Any] | None = None) -> bool:
    """Make up the difference between what is known of a shot and its strips; returns whether there was one.

    `metas` are its meta strips, where they are known already. A complete shot takes more than one call: its strip of
    all frames alone may take what a tick has.
    """
    changed = False
    plan = job.plan if job is not None else None
    drift = text_at_rest(job, complete=shot.complete)
    for meta in listing(shot.id) if metas is None else metas:
        stamp, shown = meta.shotpack, meta.shotpack.shot == shot.id
        state = _state_of(shot, job, take_stamps.said_of(stamp, shot.id).job)
        changed |= take_stamps.note(stamp, shot, state, plan, drift)
        if not shown:
            continue
        changed |= _point(meta, shot)
        if shot.complete:
            stamped_now = _finish(meta, shot) or _stamp(meta, shot, "finished", plan, drift)
            changed |= stamped_now or strip_provenance.keep(meta, shot)
            continue
        final = next(iter(of_role(meta, FINAL)), None)
        if final is not None and shot.take != FIRST_TAKE:
            fill = _show_sections_in if finish_of(shot.request) is None else _show_finished_over
            changed |= fill(meta, final, shot, job)
        _play_preview(meta, shot, job)  # it is no frame of the shot: what looks at those has nothing to look at
        if state is None:
            continue
        changed |= _stamp(meta, shot, state, plan, drift)
        changed |= _play_guide(meta, shot)
        if job is not None and final is None:
            for section, frames in shot.visible(job).items():
                changed |= _show_section(meta, shot, section, frames)
    return changed


def _state_of(shot: Shot, job: Job | None, job_before: str) -> str | None:
    """How a shot stands by what is known of it now; None where what was known last stays."""
    if shot.complete:
        return "finished"
    if job is None and job_before:
        return None  # the engine has told nothing yet
    state = job.state if job else state_without_job(shot) or "sending"
    return "running" if state == "finished" else state


def state_without_job(shot: Shot | None) -> str:
    """How a shot stands that the engine did not take in: `failed`, where it waits for the artist to change what was
    asked for, or `cancelled`, before it was sent. Empty for any other.
    """
    fault = None if shot is None or shot.job else shot.fault
    return _NOT_TAKEN.get(fault.code, "") if fault is not None else ""


def point_at(shot: Shot) -> None:
    """Let a shot's strips show the pictures in its folder, which has moved."""
    for meta in find(shot.id):
        _point(meta, shot)


def recolour(meta: Any) -> None:
    """Give a strip the colour of its shot's state."""
    meta.color_tag = _COLOURS.get(meta.shotpack.state, _WAITING_COLOUR)


def _point(meta: Any, shot: Shot) -> bool:
    """An undo, or a file saved elsewhere, may have left a strip with a path that was right before.

    Where the folder is gone the artist has moved it, and knows better where its pictures are.
    """
    ours = of_role(meta, *IN_ITS_FOLDER)
    folder = trust.plainly(shot.folder)
    # There are many strips and few paths.
    astray = {each for each in {strip.directory for strip in ours} if trust.plainly(bpy.path.abspath(each)) != folder}
    if not astray or not folder.is_dir():
        return False
    for strip in ours:
        if strip.directory in astray:
            strip.directory = f"{blender_path(folder)}/"
    return True


def _stamp(meta: Any, shot: Shot, state: str, plan: Started | None, drift: str) -> bool:
    """What the strip itself says of the shot: what is needed to find it again when the file is opened."""
    stamp, changed = meta.shotpack, False
    if stamp.job != shot.job and shot.job:
        stamp.job, changed = shot.job, True
    if stamp.key != shot.key and shot.key:
        stamp.key, changed = shot.key, True
    if stamp.request != shot.request and shot.request:
        stamp.request, changed = shot.request, True
    if plan is not None and not stamp.plan:
        stamp.plan, changed = plan_text(plan), True
    if drift and stamp.drift != drift:
        stamp.drift, changed = drift, True
    if stamp.state != state:
        stamp.state, changed = state, True
        recolour(meta)
    return changed


def _place_board(meta: Any, shot: Shot, board: Path) -> None:
    strip = new_image(meta, f"{shot.name} board", board, _PLACEHOLDER_CHANNEL, 1, PLACEHOLDER)
    sequencer.set_end(strip, sequencer.content_start(meta) + shot.frames)


def _show_section(meta: Any, shot: Shot, section: int, frames: range) -> bool:
    names = [shot.pictures[frame] for frame in frames]
    old = [strip for strip in of_role(meta, SECTION) if strip.shotpack.section == section]
    if len(old) == 1 and content(old[0]) == _on_timeline(meta, frames):
        return show(old[0], names)
    for strip in old:  # the frames that it makes with its neighbour have come
        meta.strips.remove(strip)
    strip = new_sequence(
        meta, f"{shot.name} section {section + 1}", shot.folder, frames.start, names, _SECTION_CHANNEL, SECTION
    )
    strip.shotpack.section = section
    return True


def _play_guide(meta: Any, shot: Shot) -> bool:
    """Where a shot is led by pictures, let them play in the board's place until its sections come."""
    boards = of_role(meta, PLACEHOLDER)
    if not shot.playing or len(boards) != 1 or len(boards[0].elements) > 1:
        return False
    board = boards[0]
    new_sequence(meta, f"{board.name} guide", shot.folder, 1, list(shot.playing), _PLACEHOLDER_CHANNEL, PLACEHOLDER)
    meta.strips.remove(board)
    return True


def _play_preview(meta: Any, shot: Shot, job: Job | None) -> None:
    """While a section is made, let its newest preview play where its frames will be, and nothing afterwards."""
    old, seen = of_role(meta, PREVIEW), shot.moving
    plans = job.plan.sections if job is not None and job.plan is not None and not of_role(meta, FINAL) else ()
    plan = next((each for each in plans if seen is not None and each.section == seen.section), None)
    frames = range(0) if plan is None or job is None else shot.awaited(job, plan)
    if plan is None or seen is None or not frames:
        for strip in old:
            meta.strips.remove(strip)
        return
    whole = plan.last + 1 - plan.first
    names = [seen.names[(frame - plan.first) * len(seen.names) // whole] for frame in frames]
    folders = [trust.plainly(bpy.path.abspath(strip.directory)) for strip in old]
    if folders == [trust.plainly(seen.folder)] and content(old[0]) == _on_timeline(meta, frames):
        show(old[0], names)
        return
    for strip in old:
        meta.strips.remove(strip)
    strip = new_sequence(meta, f"{shot.name} preview", seen.folder, frames.start, names, _SECTION_CHANNEL, PREVIEW)
    strip.shotpack.section = seen.section


def _on_timeline(meta: Any, frames: range) -> range:
    return range(sequencer.content_start(meta) + frames.start - 1, sequencer.content_start(meta) + frames.stop - 1)


def _show_sections_in(meta: Any, final: Any, shot: Shot, job: Job | None) -> bool:
    """Show the sections of a take that are here, and the take that it continues where it has none yet."""
    if (over := _finished_over(meta)) is not None:
        meta.strips.remove(over)
    names = dict(shot.under)
    if job is None:  # the engine has told nothing yet: what is shown of this take stays
        own = f"{mark_of(shot.take)}.", f"{mark_of(shot.take)}-"
        seen = enumerate((element.filename for element in final.elements), 1)
        names |= {frame: name for frame, name in seen if any(mark in name for mark in own)}
    for frames in shot.visible(job).values() if job is not None else ():
        names |= {frame: shot.pictures[frame] for frame in frames}
    if len(final.elements) != shot.frames or len(names) != shot.frames:
        return False  # what is under it is not known here: it stays until the take is made
    return show(final, [names[frame] for frame in range(1, shot.frames + 1)])


def _show_finished_over(meta: Any, final: Any, shot: Shot, _job: Job | None) -> bool:
    """Show the frames of a finish that are here over the take that it finishes: they may be larger than that one's."""
    under = [shot.under[frame] for frame in sorted(shot.under)]
    changed = len(final.elements) == len(under) and show(final, under)
    here = [shot.pictures[frame] for frame in takewhile(shot.pictures.__contains__, range(1, shot.frames + 1))]
    over = _finished_over(meta)
    if over is not None and mark_of(shot.take) not in over.elements[0].filename:
        meta.strips.remove(over)  # of another finish
        over, changed = None, True
    if over is None and here:
        channel = max(final.channel + 1, _KEPT_CHANNEL)
        over = new_sequence(meta, f"{shot.name} finished", shot.folder, 1, here, channel, SECTION)
        over.shotpack.section = _FINISHED
        place_as(over, final)
        return True
    if over is None or len(here) <= len(over.elements):
        return changed  # of a file that was just opened nothing is known to be here yet
    append(over, here[len(over.elements) :])
    return True


def _finished_over(meta: Any) -> Any | None:
    return next((strip for strip in of_role(meta, SECTION) if strip.shotpack.section == _FINISHED), None)


def _finish(meta: Any, shot: Shot) -> bool:
    """One image sequence of all frames, and then nothing else of ours; returns whether anything was left to do."""
    old = of_role(meta, FINAL)
    if not old or (len(meta.shotpack.takes) and len(old[0].elements) != shot.frames):
        # It lies there before the others go: a meta strip that is empty for a moment would lose its place.
        names = [shot.pictures[frame] for frame in range(1, shot.frames + 1)]
        new_sequence(meta, f"{shot.name} frames", shot.folder, 1, names, _FINAL_CHANNEL, FINAL)
        for strip in old:  # the artist has taken pictures out of it: no take could be shown in what is left
            meta.strips.remove(strip)
        return True
    over = of_role(meta, PLACEHOLDER, PREVIEW, SECTION)
    for strip in over:
        meta.strips.remove(strip)
    if not len(meta.shotpack.takes):
        return bool(over)
    shown = show(old[0], [shot.pictures[frame] for frame in range(1, shot.frames + 1)])
    return bool(over) or shown
