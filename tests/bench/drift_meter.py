"""The drift meter on Sketch: long shots that drift and ones that do not, faults put in on purpose, and the cost.

`python -m tests.bench.drift_meter DIR [--boards N] [--seeds N]` keeps the shots in DIR, and goes on with what is there.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageFilter

from engine.drift import Drift, Measure
from engine.generation import drift_meter
from engine.generation.drift_meter import DriftMeter
from engine.generation.job import prepare, run
from engine.generation.publish import metered
from engine.generation.resolve import ResolvedRequest
from engine.generation.shot_folder import ShotFolder
from engine.inference.registry import Families, spec_of
from engine.media.boards import open_board
from engine.media.measures import Picture, change
from engine.models.catalog import find_model
from engine.models.drift_limits import DriftLimits
from engine.models.folder import ModelFolder
from engine.protocol import Board, ShotRequest
from engine.quiet import quiet_libraries
from tests.bench.table import Row, markdown
from training.evaluation.drift import long_trials
from training.evaluation.trials import Trial, as_board, shoot

VANILLA = "td_f16k4f2k2f1k1_g9"
"""The paper's plain forward layout: no section sees the board any more."""
WAYS = {"inverted": (("order", "inverted"),), "vanilla": (("order", "forward"), ("schedule", VANILLA))}
LONG, SHORT = 20, 3
BOARDS, SEEDS = 10, 3
FAULTY = 1
"""The section, from 0, that a fault is put into: it has neighbours on both sides."""
_MOVING = 0.3
"""Of 255: in pictures that move less a frame shown twice is no fault that anybody could see."""


@dataclass(frozen=True)
class Fault:
    """Something that is done to the frames of a shot, to be found in one section."""

    name: str
    measures: tuple[Measure, ...]
    """By which it counts as found."""
    put: Callable[[list[Picture], range], None]
    """Puts it in; the range is the section's frames."""


def _tinted(frames: list[Picture], section: range) -> None:
    """Warmer from the middle of the section on, and so to the end of the shot."""
    for frame in range((section.start + section.stop) // 2, len(frames)):
        frames[frame] = np.clip(frames[frame] * np.array([1.1, 0.98, 0.8]), 0, 255).astype(np.uint8)


def _repeated(frames: list[Picture], section: range) -> None:
    """One frame in the middle shows the one before once more; those after it keep their places."""
    middle = (section.start + section.stop) // 2
    frames[middle] = frames[middle - 1]


def _broken(frames: list[Picture], section: range) -> None:
    """From the section on all is 8 pixels to the right, its left edge drawn out."""
    for frame in range(section.start, len(frames)):
        frames[frame] = np.concatenate([np.repeat(frames[frame][:, :1], 8, 1), frames[frame][:, :-8]], 1)


def _blurred(frames: list[Picture], section: range) -> None:
    """The section alone, by a Gaussian of 1.5 pixels."""
    for frame in section:
        frames[frame] = np.asarray(Image.fromarray(frames[frame]).filter(ImageFilter.GaussianBlur(1.5)))


FAULTS = (
    Fault("a colour jump", (Measure.JUMP, Measure.COLOURS), _tinted),
    Fault("a repeated frame", (Measure.REPEATS,), _repeated),
    Fault("a broken seam", (Measure.SEAM,), _broken),
    Fault("a blurred section", (Measure.SHARPNESS, Measure.SOFTENS), _blurred),
)


def rows(folder: Path, quick: bool) -> list[Row]:
    """What the meter tells apart and finds, what it says of good shots, and its share of the time."""
    boards, seeds = (1, 1) if quick else (BOARDS, SEEDS)
    return [*long_rows(folder, boards), *short_rows(folder, boards, seeds), *cost_rows(folder, quick)]


def long_rows(folder: Path, boards: int) -> list[Row]:
    """Shots of 20 sections: the most that any of their sections takes of its limits, each way."""
    model = find_model("sketch")
    limits = spec_of(model).drift
    found: dict[str, list[Measured]] = {way: [] for way in WAYS}
    for trial in long_trials(boards, LONG):
        for way, settings in WAYS.items():
            named = replace(trial, name=f"{trial.name}-{way}", settings=settings)
            shoot(named, model, folder, "cpu")
            found[way].append(Measured.of(folder / named.name, model, limits))
    told = []
    for way, shots in found.items():
        over = [sum(bool(drift.over) for drift in shot.drift) for shot in shots]
        firsts = [next((drift.section + 1 for drift in shot.drift if drift.over), None) for shot in shots]
        told.append(
            Row(
                f"Sketch, {len(shots)} boards, {LONG} sections, {way}: shots with a section over a limit; sections"
                " over, median; the first of them; the share of its limit that the worst section takes",
                f"{sum(count > 0 for count in over)} of {len(shots)}; {statistics.median(over):g};"
                f" {_spread([first for first in firsts if first is not None])};"
                f" {_spread([shot.share for shot in shots])}",
                "",
                "none" if way == "inverted" else "all",
            )
        )
    apart = min(shot.share for shot in found["vanilla"]) / max(shot.share for shot in found["inverted"])
    told.append(
        Row("the same: least share of vanilla shots over the most of inverted ones", f"{apart:.2f}", "", "over 1")
    )
    for name in ("sharpness", "colours", "likeness"):
        each = {way: [shot.contrast[name] for shot in shots] for way, shots in found.items()}
        figure = f"the same: start-end contrast of {name}, mean and range, inverted; vanilla"
        told.append(Row(figure, "; ".join(f"{statistics.fmean(v):.3f}, {_spread(v)}" for v in each.values())))
    return told


def short_rows(folder: Path, boards: int, seeds: int) -> list[Row]:
    """Good shots, as Sketch makes them by itself, and the same with faults."""
    model = find_model("sketch")
    limits = spec_of(model).drift
    alarms: list[tuple[str, Drift]] = []
    hits: dict[str, list[bool]] = {fault.name: [] for fault in FAULTS}
    elsewhere: dict[str, int] = dict.fromkeys(hits, 0)
    sections = 0
    for trial in _good_trials(boards, seeds):
        frames = shoot(trial, model, folder, "cpu")
        shot = Measured.of(folder / trial.name, model, limits)
        sections += len(shot.drift)
        alarms += [(trial.name, drift) for drift in shot.drift if drift.over]
        known = {(drift.section, figure.name) for drift in shot.drift for figure in drift.over}
        for fault in FAULTS:
            section = shot.resolved.section_frames(FAULTY)
            if fault.put is _repeated and _motion(frames, section) < _MOVING:
                continue
            faulty = list(frames)
            fault.put(faulty, section)
            told = Measured.again(folder / trial.name, shot.resolved, faulty, limits)
            new = {(drift.section, figure.name) for drift in told.drift for figure in drift.over} - known
            hits[fault.name].append(any((FAULTY, str(measure)) in new for measure in fault.measures))
            elsewhere[fault.name] += any(section < FAULTY for section, _ in new)
    count = boards * seeds
    said = "; ".join(
        f"{name}: section {drift.section + 1} {', '.join(f.name for f in drift.over)}" for name, drift in alarms
    )
    return [
        Row(
            f"Sketch, {count} shots of {SHORT} sections, {boards} boards and {seeds} seeds, nothing put in: sections"
            f" over a limit of {sections}, and shots",
            f"{len(alarms)}; {len({name for name, _ in alarms})} of {count}{f' ({said})' if said else ''}",
        ),
        *(
            Row(
                f"the same with {name} in section {FAULTY + 1}: found there by its measure; shots with news before it",
                f"{sum(found)} of {len(found)}; {elsewhere[name]}",
                "",
                "all; none" if name != "a repeated frame" else "all of those that move; none",
            )
            for name, found in hits.items()
        ),
    ]


def cost_rows(folder: Path, quick: bool) -> list[Row]:
    """The meter's share of a shot's processor time, networks loaded, without OpenCV and with it."""
    model, families = find_model("sketch"), Families()
    trial = next(long_trials(1, SHORT))
    told = []
    for flow in (False, True):
        shares = []
        with patch.object(drift_meter, "available", lambda flow=flow: flow):
            for repetition in range(2 if quick else 4):
                out = folder / f"cost-{flow}-{repetition}"
                shutil.rmtree(out, ignore_errors=True)
                inside, whole = _processor_seconds(trial, model, out, families)
                if repetition:  # the first one loads the networks
                    shares.append(100 * inside / whole)
        how = "with OpenCV" if flow else "as it is by default"
        figure = f"the meter's share of a shot's processor time, Sketch, {SHORT} sections, {how}, median and range"
        told.append(
            Row(figure, f"{statistics.median(shares):.2f} %, {_spread(shares)}", "", "" if flow else "under 2 %")
        )
    families.close()
    return told


def _processor_seconds(trial: Trial, model: ModelFolder, out: Path, families: Families) -> tuple[float, float]:
    """What the meter takes of a shot, and the whole shot."""
    inside = 0.0

    def timed(method):  # type: ignore[no-untyped-def]
        def wrapper(*args):  # type: ignore[no-untyped-def]
            nonlocal inside
            began = time.process_time()
            result = method(*args)
            inside += time.process_time() - began
            return result

        return wrapper

    board = as_board(trial.clip.first, trial.name)
    request = ShotRequest(
        str(model.path), trial.prompt, (Board(1, board.sha256),), frames=36 * trial.sections + 1, width=256, height=144
    )
    job = prepare(request, {board.sha256: board}, model, "cpu", out)
    began = time.process_time()
    with (
        patch.object(DriftMeter, "saw", timed(DriftMeter.saw)),
        patch.object(DriftMeter, "commit", timed(DriftMeter.commit)),
        patch.object(DriftMeter, "told", timed(DriftMeter.told)),
        patch.object(DriftMeter, "write", timed(DriftMeter.write)),
    ):
        for _ in run(job, {board.sha256: board}, resume=False, watched=False, families=families):
            pass
    return inside, time.process_time() - began


@dataclass(frozen=True)
class Measured:
    """A shot as the meter sees it."""

    resolved: ResolvedRequest
    drift: list[Drift]
    contrast: dict[str, float]

    @property
    def share(self) -> float:
        """The share of its limits that the worst section takes."""
        return max(drift.share for drift in self.drift)

    @classmethod
    def of(cls, shot: Path, model: ModelFolder, limits: DriftLimits) -> Measured:
        """A finished shot, measured from its files by whatever limits there are now."""
        stored = ShotFolder(shot).stored_request()
        assert stored is not None, f"{shot} holds no shot"
        request = stored[0]
        pictures = {sha256: open_board(shot / "boards" / sha256) for sha256 in request.pictures}
        resolved = prepare(request, pictures, model, "cpu", shot).resolved
        files = ShotFolder(shot).files
        frames = [_read(files.frame(frame)) for frame in range(1, request.frames + 1)]
        return cls.again(shot, resolved, frames, limits)

    @classmethod
    def again(cls, shot: Path, resolved: ResolvedRequest, frames: list[Picture], limits: DriftLimits) -> Measured:
        """The same shot as if it had these frames."""
        aside = shot.with_name(f"{shot.name}.measured")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(shot / "boards", aside / "boards")
        (aside / "checkpoint").mkdir()
        shutil.copy(shot / "checkpoint" / "request.json", aside / "checkpoint")
        folder = ShotFolder(aside)
        meter = DriftMeter(metered(resolved), folder, limits)
        meter.saw(enumerate(frames))
        told = [drift for planned in resolved.plan.made for drift in meter.told(planned.number)]
        contrast = meter.write()["contrast"]
        shutil.copy(folder.files.drift.with_suffix(".png"), shot / "drift.png")
        shutil.rmtree(aside)
        return cls(resolved, sorted(told, key=lambda drift: drift.section), contrast)


def _good_trials(boards: int, seeds: int) -> Iterator[Trial]:
    """Shots in Sketch's own order, half of them held still, the others with a slow camera."""
    for seed in range(seeds):
        for trial in islice(long_trials(boards, SHORT), boards):
            yield replace(trial, name=f"good-{trial.name}-s{seed}", seed=1000 * seed + trial.seed)


def _motion(frames: list[Picture], section: range) -> float:
    return statistics.median(change(frames[frame - 1], frames[frame]) for frame in section[1:])


def _read(path: Path) -> Picture:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _spread(values: list[float] | list[int]) -> str:
    return f"{min(values):.3g} to {max(values):.3g}" if values else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--boards", type=int, default=BOARDS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", choices=("long", "short", "cost"))
    args = parser.parse_args()
    quiet_libraries()
    parts = {
        "long": lambda: long_rows(args.folder, args.boards),
        "short": lambda: short_rows(args.folder, args.boards, args.seeds),
        "cost": lambda: cost_rows(args.folder, False),
    }
    print(markdown([row for name, part in parts.items() if args.only in (None, name) for row in part()]))


if __name__ == "__main__":
    main()
