"""The drift meter: looks at a shot's final frames as they are written, and says of each section how far it has drifted.

On by default: it needs neither a model nor the flow, reads no frame twice, and takes under 2 % of Sketch's time. What
it sees of a section's frames is on disk before the section counts as done, so a shot that goes on after a kill says the
same; frames that nobody measured, such as those of a shot that an earlier version began, are read from their files.

    checkpoint/drift-0003.json      what was measured while section 3 (of making) was published
    checkpoint/drift-answered.json  up to which section what was asked for at a limit has been done
    drift.json, drift.png           of a finished or stopped shot: its sections, its frames, its limits; a curve
"""

from __future__ import annotations

import json
import logging
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..drift import Drift, OnDrift
from ..framepack.plan import ShotPlan
from ..media.boards import decode_board
from ..media.files import write_whole
from ..media.images import cover
from ..media.measures import BoardSearch, Picture, change, colour, histogram, histogram_distance, sharpness
from ..media.warp_error import available, warp_error
from ..models.drift_limits import DriftLimits
from .drift_figures import FrameMeasures, Sample, Surroundings, is_sampled, is_warped, rounded, section_figures
from .drift_report import drift_chart, drift_record
from .frame_rates import ShownFrames
from .guides import LatentGuide
from .shot_folder import ShotFolder

_LEAST_SHARPNESS = 1.0
"""Of 255, that of an almost empty board: what is drawn on it is no fault of its size."""
_REFERENCES = 8
"""Boards that are kept ready."""
_ANSWERED = "drift-answered"
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OSError)

log = logging.getLogger("shotpack.drift")


class _Reference:
    """A picture that frames are compared with."""

    def __init__(self, picture: Picture) -> None:
        self.sharpness = max(_LEAST_SHARPNESS, sharpness(picture))
        self.histogram = histogram(picture)
        self.search = BoardSearch(picture)


@dataclass(frozen=True)
class MeteredShot:
    """What the meter has to know of a shot; words are none of it (`ResolvedRequest` tells what each is)."""

    plan: ShotPlan
    shown: ShownFrames
    frames: int
    board_images: Mapping[int, str]
    start_images: Sequence[str]
    guides: Sequence[LatentGuide]
    on_drift: OnDrift


class DriftMeter:
    """Measures one take of a shot in its folder, which must have been begun."""

    def __init__(self, shot: MeteredShot, folder: ShotFolder, limits: DriftLimits) -> None:
        self._shot = shot
        self._folder = folder
        self._limits = limits
        self._plan = plan = shot.plan
        self._flow = available()
        self._sections = [shot.shown.frames_of(plan.by_section[section].adds) for section in range(plan.sections)]
        self._starts = [frames.start for frames in self._sections]
        self._cuts = {self._sections[stretch.sections.start].start for stretch in plan.stretches}
        """Frames before which there is a cut, or nothing."""
        self._measured = _stored(folder)
        self._new = FrameMeasures()
        """What was measured since the last `commit`."""
        self._pictures: dict[int, Picture] = {}
        """Frames whose neighbours are still to come."""
        self._references: dict[str, _Reference] = {}
        self._told: dict[int, Drift] = {}
        """By section."""
        self._answered = _answered(folder)

    # Frames

    def saw(self, frames: Iterable[tuple[int, Picture]]) -> None:
        """Look at final frames, by their numbers from 0, each (H, W, 3) uint8."""
        for frame, picture in frames:
            self._pictures[frame] = picture
            self._look(frame, picture)
            for later in (frame, frame + 1):
                if later in self._pictures and later - 1 in self._pictures and self._is_compared(later):
                    self._compare(later, self._pictures[later - 1], self._pictures[later])
        # Views would keep the whole decoded section in memory.
        self._pictures = {frame: picture.copy() for frame, picture in self._pictures.items() if self._is_open(frame)}

    def commit(self, number: int) -> None:
        """Write what was measured since, before section `number` (of making) counts as done."""
        self._folder.write_json(_checkpoint(self._folder, f"drift-{number:04d}"), self._new.to_json())
        self._new = FrameMeasures()

    def _look(self, frame: int, picture: Picture) -> None:
        """Measure a frame by itself."""
        section = self._section_of(frame)
        references = list(self._references_of(frame, picture))
        crisp, known = sharpness(picture), [reference.sharpness for reference in references]
        if known:
            # Between two boards anything between the two is right.
            crisp = min(1.0, crisp / min(known)) if crisp < max(known) else crisp / max(known)
        for measured in (self._measured, self._new):
            measured.sharpness[frame] = rounded(crisp)
        if references and is_sampled(frame, self._sections[section]):
            own = histogram(picture)
            sample = Sample(
                rounded(_distance(own, [reference.histogram for reference in references])),
                rounded(max(reference.search.likeness(picture) for reference in references)),
                tuple(rounded(value) for value in colour(picture)),
            )
            for measured in (self._measured, self._new):
                measured.samples[frame] = sample

    def _compare(self, frame: int, before: Picture, picture: Picture) -> None:
        """Measure the change into a frame, for one made frame: conforming to another rate leaves some out."""
        passed = self._passed(frame)
        for measured in (self._measured, self._new):
            measured.changes[frame] = rounded(change(before, picture) / passed)
        if self._flow and is_warped(frame, self._sections[self._section_of(frame)]):
            error = rounded(warp_error(before, picture))
            for measured in (self._measured, self._new):
                measured.warps[frame] = error

    def _section_of(self, frame: int) -> int:
        return bisect_right(self._starts, frame) - 1

    def _passed(self, frame: int) -> float:
        """How many made frames pass from the frame before to this one: 0 where one is shown twice on purpose."""
        before, own = (self._shot.shown.source_of(each) for each in (frame - 1, frame))
        return float(own.first + own.part - before.first - before.part)

    def _is_compared(self, frame: int) -> bool:
        """Whether the change into a frame is to be measured still."""
        inside = 0 < frame < self._shot.frames and frame not in self._cuts
        return inside and frame not in self._measured.changes and self._passed(frame) > 0

    def _is_open(self, frame: int) -> bool:
        return self._is_compared(frame) or self._is_compared(frame + 1)

    def _ensure(self, frames: Iterable[int]) -> None:
        """Read those frames that nobody measured from their files; what cannot be read is left out."""
        for frame in frames:
            try:
                if frame not in self._measured.sharpness:
                    self._look(frame, self._picture(frame))
                if self._is_compared(frame):
                    self._compare(frame, self._picture(frame - 1), self._picture(frame))
            except OSError as fault:
                log.warning("frame %d is not measured: %s", frame + 1, fault)

    def _picture(self, frame: int) -> Picture:
        """A final frame. Raises OSError where its file cannot be read."""
        known = self._pictures.get(frame)
        return _read(self._folder.files.frame(frame + 1)) if known is None else known

    # What frames are compared with

    def _references_of(self, frame: int, picture: Picture) -> Iterator[_Reference]:
        """The artist's pictures that the frame `picture` should look like, at its size: its stretch's boards, and what
        guides it; without any the newest picture before the shot, or else its first frame, once that is there.
        """
        size = picture.shape[1], picture.shape[0]
        stretch = self._plan.stretch_of(self._section_of(frame))
        images = [self._shot.board_images[latent] for latent in stretch.boards if latent in self._shot.board_images]
        if self._shot.guides:
            latent = self._plan.grid.made_by(self._shot.shown.made_of(frame))
            images += [guide.latents[latent][-1].image for guide in self._shot.guides if latent in guide.latents]
        for image in images or self._shot.start_images[-1:]:
            yield self._reference(image, partial(self._artists, image, size))
        if not images and not self._shot.start_images and (frame == 0 or 0 in self._measured.sharpness):
            yield self._reference("", lambda: picture if frame == 0 else self._picture(0))

    def _reference(self, name: str, picture: Callable[[], Picture]) -> _Reference:
        if name not in self._references:
            while len(self._references) >= _REFERENCES:
                del self._references[next(iter(self._references))]
            self._references[name] = _Reference(picture())
        return self._references[name]

    def _artists(self, image: str, size: tuple[int, int]) -> Picture:
        """One of the artist's pictures as a shot of that size shows it."""
        path = self._folder.boards / image
        return np.asarray(cover(decode_board(path.read_bytes(), str(path)), *size))

    # Sections

    def told(self, number: int) -> Iterator[Drift]:
        """What is to be said once section `number` (of making) is published: of the sections that are final with it.

        One after the other, as they are asked for: where one of them stops the shot, nothing is said of the next.
        """
        yield from (self._tell(section) for section in self._order.get(number, ()))

    def answer(self, drift: Drift) -> None:
        """What was asked for at a limit is being done: it is not done again where the shot is gone on with."""
        self._answered = max(self._answered, drift.index)
        self._folder.write_json(_checkpoint(self._folder, _ANSWERED), {"answered": self._answered})

    def write(self) -> dict[str, Any]:
        """Write what is known by now as JSON and as a curve; returns what `shot.json` says of it."""
        told = [self._told[section] for section in sorted(self._told)]
        record = drift_record(self._sections, told, self._measured, self._limits, self._shot.frames)
        self._folder.write_json(self._folder.files.drift, record)
        write_whole(self._folder.files.drift.with_suffix(".png"), drift_chart(self._sections, told, self._measured))
        return {"contrast": record["contrast"], "over": [drift.section + 1 for drift in told if drift.over]}

    def _tell(self, section: int) -> Drift:
        frames, number = self._sections[section], self._complete_at[section]
        before = self._sections[section - 1] if section and frames.start not in self._cuts else range(0)
        usual = [frame for frame in before[1:] if max(self._settled[frame], self._settled[frame - 1]) <= number]
        around = Surroundings(usual, *self._made_before(section))
        self._ensure([*around.first, *around.beside, *around.before, *frames])
        figures = section_figures(frames, around, self._measured, self._limits)
        index = self._index[section]
        drift = Drift(section, index, len(self._sections), figures)
        if drift.over and self._is_to_be_done(section) and not self._is_kept(frames):
            drift = Drift(section, index, len(self._sections), figures, str(self._shot.on_drift))
        self._told[section] = drift
        return drift

    def _is_to_be_done(self, section: int) -> bool:
        """Whether what was asked for at a limit is to be done at a section: a question or a stop once, and only while
        a section is left to sample. After that neither would keep anything from being made.
        """
        asked = self._shot.on_drift
        if asked not in (OnDrift.ASK, OnDrift.STOP):
            return True
        later = range(self._plan.sections - 1, self._complete_at[section], -1)  # the last is sampled last
        return self._index[section] > self._answered and any(not self._folder.is_sampled(each) for each in later)

    def _made_before(self, section: int) -> tuple[range, range]:
        """The frames of the section beside `section`, and of the first of its stretch, that were made before it.

        All of them are final then. The one before it rather than the one after it; nothing where there is none.
        """
        made = self._plan.by_section
        stretch = self._plan.stretch_of(section).sections
        earlier = [each for each in stretch if made[each].number < made[section].number]
        beside = next((each for each in (section - 1, section + 1) if each in earlier), None)
        first = stretch.start if stretch.start in earlier else None
        of_both = [range(0) if each is None else self._sections[each] for each in (beside, first)]
        return of_both[0], of_both[1]

    def _is_kept(self, frames: range) -> bool:
        """Whether they are those of the take that this one continues: what was to be done was done there."""
        files = self._folder.files
        return self._folder.parent is not None and all(files.is_kept(frame + 1) for frame in frames)

    @cached_property
    def _settled(self) -> dict[int, int]:
        """By frame, the number of the section (of making) whose publishing makes it final."""
        made = {each: planned.number for planned in self._plan.made for block in planned.decode.final for each in block}
        sources = map(self._shot.shown.source_of, range(self._shot.frames))
        return {frame: max(made[each] for each in source.made) for frame, source in enumerate(sources)}

    @cached_property
    def _complete_at(self) -> list[int]:
        """By section, the number of the one (of making) with which all its frames, and the one before it, are final."""
        found = []
        for section, frames in enumerate(self._sections):
            first = frames.start - (frames.start not in self._cuts)
            shown = range(first, frames.stop) if frames else range(0)
            found.append(max((self._settled[frame] for frame in shown), default=self._plan.by_section[section].number))
        return found

    @cached_property
    def _order(self) -> dict[int, list[int]]:
        """Which sections are told of once each is made, by its number of making."""
        order: dict[int, list[int]] = defaultdict(list)
        for section, number in enumerate(self._complete_at):
            order[number].append(section)
        return order

    @cached_property
    def _index(self) -> dict[int, int]:
        """How many sections are told once each is."""
        in_order = [section for number in sorted(self._order) for section in self._order[number]]
        return {section: index for index, section in enumerate(in_order, 1)}


def _distance(own: np.ndarray, others: list[np.ndarray]) -> float:
    """How far colours are from the nearest of others', or from the nearest mixture of the first and the last of them.

    A passage from one board to the next goes through colours of both.
    """
    mixed = [others[0] + share * (others[-1] - others[0]) for share in (0.25, 0.5, 0.75)] if len(others) > 1 else []
    return min(histogram_distance(own, other) for other in (*others, *mixed))


def _read(path: Path) -> Picture:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _checkpoint(folder: ShotFolder, name: str) -> Path:
    return folder.files.checkpoint / f"{name}.json"


def _stored(folder: ShotFolder) -> FrameMeasures:
    """What earlier runs measured of a take, and of the frames that it keeps from the one that it continues."""
    measured = FrameMeasures()
    parent = folder.parent
    if parent is not None and _has_same_boards(folder, parent):
        kept = folder.files.is_kept
        measured.take_in(_stored(parent).to_json(), lambda frame: kept(frame + 1))
    for path in sorted(folder.files.checkpoint.glob("drift-[0-9]*.json")):
        try:
            measured.take_in(json.loads(path.read_bytes()))
        except _UNREADABLE as fault:
            log.warning("%s is passed over, its frames are measured again: %s", path.name, fault)
    return measured


def _has_same_boards(take: ShotFolder, parent: ShotFolder) -> bool:
    own, before = take.stored_request(), parent.stored_request()
    return own is not None and before is not None and own[0].boards == before[0].boards


def _answered(folder: ShotFolder) -> int:
    try:
        return int(json.loads(_checkpoint(folder, _ANSWERED).read_bytes())["answered"])
    except _UNREADABLE:
        return 0
