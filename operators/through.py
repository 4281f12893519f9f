"""One shot through the boards of many strips, each at its strip's start and with the words of its strip from there on.

All of it or nothing: where one board cannot be had, no shot is made, and which ones is told. First all boards are
captured, one a step, and nothing of the file is changed; then the shot is placed.
"""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.section_borders import sections_by
from ..engine.client.shot_words import fault_of
from ..engine.protocol import BOARDS_MAXIMUM, FRAMES_MAXIMUM
from . import (
    batches,
    camera_moves,
    capture,
    chosen,
    generate,
    handlers,
    missing_pictures,
    sequencer,
    shot_intent,
    shot_pictures,
    start_sources,
    timeline,
)
from .board_run import BoardRun, strip_named
from .shot_folders import STILL

_ONLY_START = "This model takes a board at a shot's start only; choose another model, or One Shot a Strip."
_ALONE = "One shot through all needs two strips or more."
_TOO_MANY = "{count} boards are too many for one shot; {most} is the most."
_MOVES = "Each move is over a second before the next board, or half way to it where that is nearer."
_FOLLOWS_NONE = "One shot through all goes from board to board: Follow Camera is left out."
_TOO_NEAR = "{first} and {second} begin less than {least} frames apart: too near for one shot through both."


def frames_of(strips: list[Any]) -> range:
    """The timeline's frames that the shot takes: from the first strip's start to where the last one ends."""
    shown = [sequencer.span(strip) for strip in strips]
    return range(shown[0].start, max(each.stop for each in shown))


def stretches_of(strips: list[Any]) -> list[range]:
    """The frames from each board to the next. A gap between two strips belongs to the board before it."""
    whole = frames_of(strips)
    starts = [*(sequencer.span(strip).start for strip in strips), whole.stop]
    return [range(start, stop) for start, stop in pairwise(starts)]


def gaps(strips: list[Any]) -> list[str]:
    """The strips after which there is a gap, by their names."""
    ends = [0]
    for strip in strips:
        ends.append(max(ends[-1], sequencer.span(strip).stop))
    later = zip(strips, strips[1:], ends[1:], strict=False)
    return [strip.name for strip, after, end in later if sequencer.span(after).start > end]


def prevented(scene: Any, strips: list[Any]) -> str | None:
    """The sentence that says why there is no shot through these strips. Cheap: panels ask at every drawing.

    What is missing of one of them is told once the button is pressed.
    """
    translated, model = bpy.app.translations.pgettext_iface, chosen.model_in_use(scene.shotpack)
    details = chosen.details_of(model)
    if details is not None and not details["boards_within"]:
        return str(translated(_ONLY_START))
    if len(strips) < 2:
        return str(translated(_ALONE))
    if len(strips) > BOARDS_MAXIMUM:
        return str(translated(_TOO_MANY).format(count=len(strips), most=BOARDS_MAXIMUM))
    if (length := len(frames_of(strips))) > FRAMES_MAXIMUM:
        return f"{length} frames are too many; {FRAMES_MAXIMUM} is the most."
    if any(map(camera_moves.goes_over, strips)) and (why := camera_moves.prevented(scene.shotpack)) is not None:
        return why
    fps, conform = scene.render.fps / scene.render.fps_base, scene.shotpack.rate == "CONFORM"
    sections = sections_by(chosen.about(), model, fps, conform=conform)
    least = sections.board_distance if sections is not None else 1
    for one, other in pairwise(strips):
        if sequencer.span(other).start - sequencer.span(one).start < least:
            return str(translated(_TOO_NEAR).format(first=one.name, second=other.name, least=least))
    return None


def remarks(scene: Any, strips: list[Any]) -> list[str]:
    """What there is to say beforehand of the cameras of a shot through these strips."""
    said = [_MOVES] if any(map(camera_moves.goes_over, strips)) else []
    return said + ([_FOLLOWS_NONE] if scene.shotpack.follow_camera else [])


def faults(scene: Any, strips: list[Any]) -> list[tuple[str, str]]:
    """What there is to say of those of these strips for which there is no shot, by their names."""
    frames, told = stretches_of(strips), list[tuple[str, str]]()
    words = start_sources.words_each(scene, zip(frames, strips, strict=True))
    for strip, shown, said in zip(strips, frames, words, strict=True):
        if (fault := missing_pictures.trouble(scene, strip, (shown.start,)) or fault_of(said)) is not None:
            told.append((strip.name, fault))
    return told


def intent(scene: Any, strips: list[Any]) -> shot_intent.Intent:
    """The shot through the boards of these strips, of which `faults` says nothing."""
    frames = stretches_of(strips)
    words = list(start_sources.words_each(scene, zip(frames, strips, strict=True)))
    whole, first = frames_of(strips), strips[0]
    channel = sequencer.free_channel(scene, whole.start, len(whole), max(strip.channel for strip in strips))
    return shot_intent.Intent(
        scene,
        "STRIP",
        first,
        start_sources.Boards(first, first),
        tuple((strip, shown.start) for strip, shown in zip(strips, frames, strict=True)),
        timeline.Spot(whole.start, len(whole), channel),
        scene.render.fps / scene.render.fps_base,
        words[0],
        start_sources.seed(scene.shotpack, first),
        stretches=tuple((shown, said.text) for shown, said in zip(frames, words, strict=True)),
    )


class Passage(BoardRun):
    """One shot through all strips: `step` does one thing and returns whether there is more to do."""

    def __init__(self, context: Any, strips: list[Any]) -> None:
        super().__init__(context, [strip.name for strip in strips])
        self.summary = ""
        """What has become of it, in a sentence."""
        self._boards: list[tuple[int, str]] = []
        """The boards that are captured: their frames, from 1, and files."""
        self._at: list[int] = []
        """The frames of the shot, from 1, at which all boards lie."""
        self._moves: camera_moves.BoardMoves | None = None
        self._name = ""
        self._folder: Path | None = None

    def step(self, _context: Any) -> bool:
        """One board, or the shot's place. Raises nothing but what Blender's own end brings.

        All strips are looked at first and last; in between only the one whose board is taken.
        """
        scene = self._scene_or_none()
        if scene is None:
            self.stop()
            return False
        try:
            if self._folder is None:
                strips = [strip_named(scene, name) for name in self._names]
                if told := faults(scene, strips):
                    return self._refuse(scene, told)
                whole, wish = frames_of(strips), f"{self._names[0]} to {self._names[-1]}"
                self._at = _places(strips)
                self._name, self._folder = shot_pictures.new_folder(len(whole), wish)
                fps = scene.render.fps / scene.render.fps_base
                self._moves = camera_moves.BoardMoves(scene.shotpack, len(whole), fps, self._folder)
            if self._to_capture:
                return self._capture(scene, self._to_capture.pop(0), self._folder)
            strips = [strip_named(scene, name) for name in self._names]
            if self._at != _places(strips):
                raise capture.CaptureError(shot_pictures.CHANGED)
            found = intent(scene, strips)
            led_by = self._moves.conditions() if self._moves is not None else ()
            shot_pictures.note_films(self._folder)
            taken = shot_pictures.Taken(self._boards, [], led_by, None)
            self._place(scene, generate.prepared(found, self._name, self._folder, taken))
        except (OSError, capture.CaptureError) as fault:
            return self._refuse(scene, [(self._names[0], shot_pictures.said(fault))])
        return False

    def stop(self) -> None:
        """Let go of what was captured: the file is as it was."""
        self._to_capture.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _capture(self, scene: Any, name: str, folder: Path) -> bool:
        """Take one board; after the last one, all that could not be had are told."""
        try:
            strip = strip_named(scene, name)
            frame = sequencer.span(strip).start
            at, *later = self._at[self._names.index(name) :]
            file = f"board-{at:05d}.png" if self._boards else STILL
            with handlers.OwnRender():
                capture.at_frame(scene, strip, frame, folder / file, camera_moves.longest_side(strip))
            self._boards.append((at, file))
            if self._moves is not None:
                self._moves.add(at, file, camera_moves.move_over(strip), later[0] if later else None)
        except (RuntimeError, OSError, capture.CaptureError) as fault:
            self.told.append((name, shot_pictures.said(fault)))
        if self._to_capture or not self.told:
            return True
        return self._refuse(scene, self.told)

    def _refuse(self, scene: Any, told: list[tuple[str, str]]) -> bool:
        """Make none, and say why: a shot that leaves a board out is another shot."""
        self.stop()
        self.told, self.refused = told, True
        boards = "1 board cannot" if len(told) == 1 else f"{len(told)} boards cannot"
        self.summary = f"No shot is made: {boards} be had; the panel says why."
        batches.note(scene, scene.shotpack.batch, told)
        return False

    def _place(self, scene: Any, made: generate.Prepared) -> None:
        if (same := batches.standing(scene, made)) is not None:
            self.stop()
            self.summary = f"The shot through {self.of} boards is unchanged."
            batches.keep(scene, [same.shotpack.shot], self.batch)
        else:
            if batches.of_same(scene, made):
                made, said = batches.make_room(scene, made)
                self.told.append((made.shot.name, said))
            self.summary = f"One shot through {self.of} boards is being made."
            generate.put(scene, made, self.batch)
        batches.note(scene, self.batch, self.told)


def _places(strips: list[Any]) -> list[int]:
    """The frames, from 1, of a shot through these strips at which their boards lie."""
    start = frames_of(strips).start
    return [sequencer.span(strip).start - start + 1 for strip in strips]
