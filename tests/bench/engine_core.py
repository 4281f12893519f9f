"""The engine core on a tiny checkpoint: time a section, memory over length, what is not the model, first frames."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.table import Row

ROOT = Path(__file__).resolve().parent.parent.parent
STEPS = 25
SIZE = 96
SECTIONS = (2, 6)


def accuracy(folder: Path, quick: bool) -> list[Row]:
    """Latents beside diffusers' and the released sampler's."""
    from tests.bench import accuracy

    return accuracy.accuracy(folder / "accuracy", quick)


def section_time(folder: Path, quick: bool) -> list[Row]:
    """Seconds a section, exact mode: the slope between a short and a longer shot, so that loading cancels out.

    Both make latents, decode and blend; Shotpack also writes PNGs and checkpoints, which diffusers does not.
    """
    from tests.bench.shots import diffusers_seconds, shotpack_seconds

    ratios, ours, theirs = [], [], []
    for repetition in range(1 if quick else 5):
        pairs = []
        for make in (shotpack_seconds, diffusers_seconds):
            short, longer = (make(folder / f"time{repetition}", sections, SIZE, STEPS) for sections in SECTIONS)
            pairs.append((longer - short) / (SECTIONS[1] - SECTIONS[0]))
        ours.append(pairs[0])
        theirs.append(pairs[1])
        ratios.append(pairs[0] / pairs[1])
    spread = f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return [
        Row(
            f"seconds a section, {SIZE}x{SIZE}, {STEPS} steps, Euler, {spread}",
            f"{statistics.median(ours):.2f}",
            f"{statistics.median(theirs):.2f}",
            "ratio at most 1",
        )
    ]


def peak_memory(folder: Path, quick: bool) -> list[Row]:
    """Peak resident memory of a whole process for shots of 5, 20 and 60 s."""
    rows = []
    first: dict[str, float] = {}
    for seconds in (5, 10) if quick else (5, 20, 60):
        figures = {}
        for who in ("shotpack", "diffusers"):
            command = [sys.executable, "-m", "tests.bench.shots", who, str(folder / f"memory{seconds}"), str(seconds)]
            result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            peak = json.loads(result.stdout.splitlines()[-1])["peak_mib"]
            first.setdefault(who, peak)
            figures[who] = f"{peak:.0f} MiB ({100 * (peak / first[who] - 1):+.1f} %)"
        wanted = "" if seconds == 5 else "under +5 %"
        rows.append(
            Row(f"peak memory, {seconds} s shot, {SIZE}x{SIZE}", figures["shotpack"], figures["diffusers"], wanted)
        )
    return rows


def outside_model(folder: Path, quick: bool) -> list[Row]:
    """The share of a shot's wall time that is not inside the networks: plan, solver, disk, previews, movie."""
    from tests.bench.shots import model_share

    rows = []
    for watched in (False, True):
        elapsed, inside = model_share(folder / f"share{watched}", 2 if quick else 5, SIZE, STEPS, watched)
        share = 100 * (1 - inside / elapsed)
        how = "with previews and provisional frames" if watched else "nobody watching"
        figure = f"time outside the model, 5 sections, {SIZE}x{SIZE}, {STEPS} steps, {how}"
        rows.append(Row(figure, f"{share:.1f} %", "", "under 5 %"))
    return rows


def first_frames(folder: Path, quick: bool) -> list[Row]:
    """From the press to the first final frames on disk; imports and loading included."""
    from tests.bench import first_frames

    return first_frames.rows(1 if quick else 5)


def true_size(folder: Path, quick: bool) -> list[Row]:
    """One section of the 13B transformer with random weights; wants a GPU."""
    from tests.bench import true_size

    return true_size.true_size(folder, quick)


def ready_time(folder: Path, quick: bool) -> list[Row]:
    """From starting the server to its ready line."""
    from tests.bench import load

    return load.ready_time(folder / "ready", quick)


def server_load(folder: Path, quick: bool) -> list[Row]:
    """How soon a busy server answers."""
    from tests.bench import load

    return load.rows(folder / "load", quick)


def soaked(folder: Path, quick: bool) -> list[Row]:
    """Two hours of clients, deaths and full disks."""
    from tests.bench import soak

    return soak.rows(folder / "soak", quick)


def kills(folder: Path, quick: bool) -> list[Row]:
    """Workers, servers and clients killed at random instants."""
    from tests.bench import faults

    return faults.rows(folder / "faults", 3 if quick else KILLS)


def opened(folder: Path, quick: bool) -> list[Row]:
    """How soon a shot shows beside an engine that has made 200 others."""
    from tests.bench import opening

    return opening.rows(folder / "opening", quick)


def take_seams(folder: Path, quick: bool) -> list[Row]:
    """Where a kept section meets one that was made again."""
    from tests.bench import takes

    return takes.take_seams(folder / "takes", quick)


def bridges(folder: Path, quick: bool) -> list[Row]:
    """How a bridge meets the strips beside it."""
    from tests.bench import bridge

    return bridge.rows(folder / "bridge", quick)


def sketch(folder: Path, quick: bool) -> list[Row]:
    """Sketch beside diffusers' pipeline on its weights."""
    from tests.bench import sketch

    return sketch.sketch(folder / "sketch", quick)


def step_caches(folder: Path, quick: bool) -> list[Row]:
    """What the step caches save on Sketch, and what they cost."""
    from tests.bench import caches

    return caches.caches(folder / "caches", quick)


def placed(folder: Path, quick: bool) -> list[Row]:
    """Predicted and measured memory."""
    from tests.bench import placements

    return placements.placements(folder, quick)


def clips(folder: Path, quick: bool) -> list[Row]:
    """Memory and time of a large movie to go on from."""
    from tests.bench import clips

    return clips.rows(folder, quick)


def through_boards(folder: Path, quick: bool) -> list[Row]:
    """One shot through unlike boards with Sketch: what is seen at each, and whether anything comes back."""
    from tests.bench import through

    return through.rows(folder / "through", quick)


def storyboards(folder: Path, quick: bool) -> list[Row]:
    """Six boards of Blender's Storyboarding template, animated both ways in a real window."""
    from tests.bench import storyboard

    return storyboard.rows(folder / "storyboard", quick)


def helios(folder: Path, quick: bool) -> list[Row]:
    """Helios' latents beside diffusers', and its memory over the length of a shot."""
    from tests.bench import helios as bench

    return [*bench.accuracy(folder / "helios", quick), *bench.memory(folder / "helios", quick)]


def helios_true_size(folder: Path, quick: bool) -> list[Row]:
    """Frames a second of the true-size distilled Helios with random weights; wants a GPU."""
    from tests.bench import helios

    return helios.frames_a_second(folder / "helios-true", quick)


def guides(folder: Path, quick: bool) -> list[Row]:
    """Camera-true shots on blocked-out scenes; wants Blender's module for the truth."""
    from tests.bench.guides import guided

    return guided(folder / "guides", quick)


def drawn_guides(folder: Path, quick: bool) -> list[Row]:
    """Camera-true shots over drawn boards."""
    from tests.bench.drawn_guides import drawn

    return drawn(folder / "drawn-guides", quick)


def provenance(folder: Path, quick: bool) -> list[Row]:
    """What a shot's marks cost, and what of them survives what others do."""
    from tests.bench import provenance

    return provenance.provenance(folder / "provenance", quick)


def finishing(folder: Path, quick: bool) -> list[Row]:
    """What enlarging and frames in between are worth, flicker, take and cost."""
    from tests.bench.finishing import finishing

    return finishing(folder / "finishing", quick)


TRUE_SIZE = "true-size"
SKETCH = "sketch"


def moves(folder: Path, quick: bool) -> list[Row]:
    """A push and a pan over drawings, led by the move."""
    from tests.bench.moves import rows

    return rows(folder / "moves", quick)


def drift(folder: Path, quick: bool) -> list[Row]:
    """What the drift meter tells apart and finds, and what it costs."""
    from tests.bench import drift_meter

    return drift_meter.rows(folder / "drift", quick)


DRIFT = "drift-meter"
THROUGH = "through"
BRIDGE = "bridge"
STORYBOARD = "storyboard"
GUIDES = "guides"
DRAWN_GUIDES = "drawn-guides"
MOVES = "moves"
HELIOS_TRUE_SIZE = "helios-true-size"
FAULTS = "faults"
KILLS = 300
SOAK = "soak"
PARTS: dict[str, Callable[[Path, bool], list[Row]]] = {
    "accuracy": accuracy,
    "section-time": section_time,
    "memory": peak_memory,
    "outside-model": outside_model,
    "first-frames": first_frames,
    "ready": ready_time,
    "load": server_load,
    "opening": opened,
    SKETCH: sketch,
    "caches": step_caches,
    "placements": placed,
    "clips": clips,
    THROUGH: through_boards,
    STORYBOARD: storyboards,
    "takes": take_seams,
    "provenance": provenance,
    "finishing": finishing,
    BRIDGE: bridges,
    GUIDES: guides,
    DRAWN_GUIDES: drawn_guides,
    MOVES: moves,
    DRIFT: drift,
    FAULTS: kills,
    SOAK: soaked,
    TRUE_SIZE: true_size,
    "helios": helios,
    HELIOS_TRUE_SIZE: helios_true_size,
}
