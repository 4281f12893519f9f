"""Killed with SIGKILL at random instants and resumed: nothing is lost, made twice or changed by a bit."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from engine.generation.shot_folder import ShotFolder
from tests.engine.checkpoints import BOARD, TINY, make_packed
from tests.engine.helios_checkpoints import make_helios
from tests.engine.warm_engine import ROOT, Ended, WarmEngine

SIGKILLED = -9
FRAMES = 145
SECTIONS = 4
SECOND_BOARD = ROOT / "samples" / "panels" / "02.png"
# Each case's order, in the sequence in which it makes its sections. Helios draws noise on its way through a section.
SEQUENCES = {
    "inverted": [3, 2, 1, 0],
    "endpoint": [0, 3, 1, 2],
    "stretches": [1, 0, 3, 2],
    "helios": [0, 1, 2, 3],
    "chosen": [0, 1, 2, 3],
    "tail": [3, 2, 1, 0],
    "planned": [0, 2, 3, 1],
}


def arguments(out: Path, *more: str) -> list[str]:
    asked = ["--prompt", "w5 w2", "--prompt-at", "73=w9", "--frames", str(FRAMES), "--size", "64x64", "--steps", "4"]
    latents = ["--save-latents", str(out / "latents.safetensors")]
    return [
        "generate",
        "--model",
        str(TINY),
        "--image",
        str(BOARD),
        "--out",
        str(out),
        "--json",
        *asked,
        *latents,
        *more,
    ]


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: np.asarray(Image.open(path)).tobytes() for path in (folder / "frames").iterdir()}


def drift(folder: Path) -> list[bytes]:
    """What the drift meter leaves."""
    return [(folder / name).read_bytes() for name in ("drift.json", "drift.png")]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """For each case what it adds to the command line."""
    schedules = {"forward": "f1k1_td_f8k1h4w4f2k2f1k1_g9+D", "inverted": "f1k1_x_g9_f1k1f2k2_tc"}
    packed = make_packed(
        tmp_path_factory.mktemp("models") / "packed",
        seed=5,
        codes=20,
        schedules=schedules,
        packing={"trained": ["time", "hybrid"]},
        tails=["td", "tc"],
    )
    ends = make_packed(tmp_path_factory.mktemp("models") / "ends", seed=5, trained_orders=["endpoint"])
    helios = make_helios(tmp_path_factory.mktemp("models") / "helios", seed=5, kind="distilled")
    # Steps come in threes there, twice as many in the first section.
    return {
        "inverted": ["--order", "inverted"],
        "endpoint": ["--order", "endpoint"],
        "stretches": ["--board", f"70={SECOND_BOARD}", "--frames", "140"],
        "helios": ["--model", str(helios), "--frames", "120", "--steps", "3"],
        "chosen": ["--model", str(packed), "--order", "forward", "--packing", "hybrid"],
        "tail": ["--model", str(packed), "--order", "inverted"],
        "planned": ["--model", str(ends), "--endpoints", "73"],
    }


@pytest.fixture(scope="module")
def undisturbed(
    cases: dict[str, list[str]], warm_engine: WarmEngine, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, float]]:
    """For each case a shot nobody disturbed, and how long it took."""
    shots = {}
    for case, more in cases.items():
        folder = tmp_path_factory.mktemp(case)
        began = time.monotonic()
        ended = warm_engine.run(arguments(folder / "shot", *more), folder / "log")
        assert ended.status == 0, ended.stderr
        shots[case] = (folder / "shot", time.monotonic() - began)
    return shots


@pytest.mark.parametrize(
    ("case", "kills"),
    [("inverted", 20), ("endpoint", 5), ("stretches", 5), ("helios", 5), ("chosen", 3), ("tail", 3), ("planned", 3)],
)
def test_killed_at_random_instants(
    case: str,
    kills: int,
    cases: dict[str, list[str]],
    undisturbed: dict[str, tuple[Path, float]],
    warm_engine: WarmEngine,
    tmp_path: Path,
) -> None:
    reference, duration = undisturbed[case]
    chance = random.Random(case)
    killed = attempt = 0
    while killed < kills:
        attempt += 1
        out = tmp_path / f"shot{attempt}"
        done: set[int] = set()
        while True:
            alive = killed < kills and not (out / "shot.json").exists()
            left = (SECTIONS - len(done) + 0.5) / (SECTIONS + 0.5)
            ended = warm_engine.run(
                arguments(out, *cases[case], "--resume"),
                tmp_path / "log",
                kill_after_s=chance.uniform(0, left * duration) if alive else None,
            )
            begun = {event["section"] for event in ended.events if event["event"] == "step"}
            assert not begun & done, "a committed section was sampled again"
            done = committed_sections(out, case)
            if ended.status == 0:
                break
            assert ended.status == SIGKILLED, ended.stderr
            killed += 1
        assert pixels(out) == pixels(reference)
        ours, theirs = (load_file(path / "latents.safetensors")["latents"] for path in (out, reference))
        assert ours.equal(theirs)
        assert drift(out) == drift(reference)
        assert not list(out.rglob("*.part*"))
        assert not (out / "provisional").exists()
        shutil.rmtree(out)


def test_what_a_kill_left_half_written_of_a_finished_shot_is_removed(
    undisturbed: dict[str, tuple[Path, float]], cases: dict[str, list[str]], warm_engine: WarmEngine, tmp_path: Path
) -> None:
    out = tmp_path / "shot"
    shutil.copytree(undisturbed["inverted"][0], out)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = out / f".latents.safetensors.{ended.pid}-df2fe9ee.part.safetensors"
    left.write_bytes(b"half")
    assert warm_engine.run(arguments(out, *cases["inverted"], "--resume"), tmp_path / "log").status == 0
    assert not left.exists()
    assert pixels(out) == pixels(undisturbed["inverted"][0])
    assert not (out / "provisional").exists()


def committed_sections(out: Path, case: str) -> set[int]:
    """Sections (in time) whose latents are committed."""
    return {section for number, section in enumerate(SEQUENCES[case]) if ShotFolder(out).is_sampled(number)}


def test_resuming_a_finished_shot_leaves_it_alone(
    undisturbed: dict[str, tuple[Path, float]], warm_engine: WarmEngine, tmp_path: Path
) -> None:
    out = tmp_path / "shot"
    shutil.copytree(undisturbed["inverted"][0], out)
    before = {path: path.stat().st_mtime_ns for path in (out / "frames").iterdir()}
    ended = warm_engine.run(["generate", "--out", str(out), "--resume", "--json"], tmp_path / "log")
    assert ended.status == 0, ended.stderr
    assert [event["event"] for event in ended.events][-1] == "finished"
    assert {path: path.stat().st_mtime_ns for path in (out / "frames").iterdir()} == before


def test_a_frame_that_got_lost_is_made_again_from_its_latents(
    undisturbed: dict[str, tuple[Path, float]], warm_engine: WarmEngine, tmp_path: Path
) -> None:
    out = tmp_path / "shot"
    shutil.copytree(undisturbed["inverted"][0], out)
    (out / "frames" / "0050.png").unlink()
    ended = warm_engine.run(["generate", "--out", str(out), "--resume", "--json"], tmp_path / "log")
    assert ended.status == 0, ended.stderr
    assert not [event for event in ended.events if event["event"] == "step"]
    assert pixels(out) == pixels(undisturbed["inverted"][0])


def test_resume_needs_no_other_words(
    undisturbed: dict[str, tuple[Path, float]], warm_engine: WarmEngine, tmp_path: Path
) -> None:
    """`--out DIR --resume` alone goes on with what the folder says, from the boards the folder keeps."""
    reference, duration = undisturbed["inverted"]
    out = tmp_path / "shot"
    ended = killed_in_the_middle(warm_engine, out, tmp_path, duration)
    assert ended.status == SIGKILLED
    ended = warm_engine.run(["generate", "--out", str(out), "--resume"], tmp_path / "log")
    assert ended.status == 0, ended.stderr
    assert pixels(out) == pixels(reference)


def killed_in_the_middle(warm_engine: WarmEngine, out: Path, log: Path, duration: float) -> Ended:
    ended = warm_engine.run(arguments(out), log / "log", kill_after_s=0.6 * duration)
    if ended.status == 0:  # a machine that got faster: once more, earlier
        shutil.rmtree(out)
        ended = warm_engine.run(arguments(out), log / "log", kill_after_s=0.3 * duration)
    return ended


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_politely(
    kind: signal.Signals, undisturbed: dict[str, tuple[Path, float]], warm_engine: WarmEngine, tmp_path: Path
) -> None:
    """Ctrl-C and a polite kill end with 130, one line and a last event; what is finished stays."""
    reference, _ = undisturbed["inverted"]
    out = tmp_path / "shot"
    ended = warm_engine.run(arguments(out), tmp_path / "log", kill_at='"event": "section"', with_signal=kind)
    assert ended.status == 130, ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("shotpack: Interrupted")
    assert "Traceback" not in ended.stderr
    assert [event["event"] for event in ended.events][-1] == "cancelled"
    assert ended.events[-1]["done"] == ShotFolder(out).done()
    ended = warm_engine.run(["generate", "--out", str(out), "--resume"], tmp_path / "log")
    assert ended.status == 0, ended.stderr
    assert pixels(out) == pixels(reference)


def test_other_settings_are_not_mixed_in(
    undisturbed: dict[str, tuple[Path, float]], warm_engine: WarmEngine, tmp_path: Path
) -> None:
    out = tmp_path / "shot"
    shutil.copytree(undisturbed["inverted"][0], out)
    ended = warm_engine.run(arguments(out, "--resume", "--seed", "8"), tmp_path / "log")
    assert ended.status == 2
    assert "another seed (0, now 8)" in ended.stderr
    for option, value, difference in (
        ("--frames", "100", "frames (145, now 100)"),
        ("--steps", "2", "steps (4, now 2)"),
    ):
        ended = warm_engine.run(["generate", "--out", str(out), "--resume", option, value], tmp_path / "log")
        assert ended.status == 2, "without --image as well"
        assert f"another {difference}" in ended.stderr
    ended = warm_engine.run(arguments(out), tmp_path / "log")
    assert ended.status == 2
    assert "already holds a shot" in ended.stderr


def test_a_damaged_checkpoint_is_named(
    undisturbed: dict[str, tuple[Path, float]], warm_engine: WarmEngine, tmp_path: Path
) -> None:
    out = tmp_path / "shot"
    killed_in_the_middle(warm_engine, out, tmp_path, undisturbed["inverted"][1])
    latents = max((out / "checkpoint").glob("latents-*.safetensors"))
    latents.write_bytes(latents.read_bytes()[:100])
    ended = warm_engine.run(arguments(out, "--resume"), tmp_path / "log")
    assert ended.status == 2
    assert latents.name in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    latents.unlink()
    ended = warm_engine.run(arguments(out, "--resume"), tmp_path / "log")
    assert ended.status == 0, ended.stderr
    assert pixels(out) == pixels(undisturbed["inverted"][0])
