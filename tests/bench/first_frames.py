"""From the press to the first final frames on disk: by the command line, an engine that is off, and one that is ready.

`python -m tests.bench.first_frames TREE` measures this tree beside an earlier one's worktree, pair by pair: wall time,
and processor time, which a busy machine hardly changes. What is gone before the first step is told apart: it is neither
sampling nor decoding.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from tests.bench.table import Row, markdown

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "fixtures" / "tiny-framepack"
BOARD = ROOT / "tests" / "fixtures" / "board.png"
MODELS = {"the tiny checkpoint": (str(TINY), (96, 96), 25), "Sketch": ("sketch", (256, 144), None)}
"""A model as an option, its size, and its steps; None: its own."""
_FRAMES = 37
_PROMPT = "w5 w2"


@dataclass(frozen=True)
class Spent:
    """Seconds from the press: to the first step, and to the first final frames; processor time of all processes."""

    before_sampling: float
    frames: float
    frames_wall: float


def from_the_command_line(tree: Path, model: str, size: tuple[int, int], steps: int | None, folder: Path) -> Spent:
    """`python -m engine generate`, from starting Python on."""
    command = [sys.executable, "-m", "engine", "generate", "--model", model, "--image", str(BOARD), "--json"]
    command += ["--prompt", _PROMPT, "--frames", str(_FRAMES), "--size", f"{size[0]}x{size[1]}", "--device", "cpu"]
    command += ["--out", str(folder / "shot"), *(["--steps", str(steps)] if steps else [])]
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=tree, env=_environ(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    told = map(json.loads, process.stdout)
    try:
        return _heard(told, psutil.Process(process.pid), 0.0, began)
    finally:
        process.kill()
        process.wait()


def from_an_engine(
    tree: Path, model: str, size: tuple[int, int], steps: int | None, folder: Path, *, ready: bool
) -> Spent:
    """A job of an engine that is started by the press, or has been `ready` since before it."""
    command = [sys.executable, "-m", "engine", "serve", "--home", str(folder / "engine"), "--device", "cpu"]
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=_environ(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        said = json.loads(process.stdout.readline())
        session, url = requests.Session(), said["url"]
        session.headers["Authorization"] = f"Bearer {said['token']}"
        spent_before = 0.0
        if ready:
            while not all(worker["ready"] for worker in session.get(f"{url}/v1/engine").json()["workers"]):
                time.sleep(0.1)
            began, spent_before = time.monotonic(), _processor(psutil.Process(process.pid))
        image = session.post(f"{url}/v1/images", data=BOARD.read_bytes()).json()["image"]
        job = {"model": model, "prompt": _PROMPT, "boards": [{"frame": 1, "image": image}], "frames": _FRAMES}
        job |= {"width": size[0], "height": size[1]} | ({"steps": steps} if steps else {})
        made = session.post(f"{url}/v1/jobs", json=job).json()
        with session.get(f"{url}/v1/jobs/{made['id']}/events", stream=True) as answer:
            lines = (line for line in answer.iter_lines() if line.startswith(b"data: "))
            told = (json.loads(line.removeprefix(b"data: ")) for line in lines)
            return _heard(told, psutil.Process(process.pid), spent_before, began)
    finally:
        assert process.stdin is not None
        process.stdin.close()  # it ends with whoever started it
        process.wait()


def _heard(told: Iterator[dict[str, object]], process: psutil.Process, spent_before: float, began: float) -> Spent:
    before_sampling = None
    for event in told:
        if event["event"] == "progress" and event["stage"] == "loading the transformer":
            before_sampling = _processor(process) - spent_before
        if event["event"] in ("frames", "section") and before_sampling is not None:  # earlier trees tell sections alone
            return Spent(before_sampling, _processor(process) - spent_before, time.monotonic() - began)
        if event["event"] == "failed":
            break
    raise RuntimeError("no frames came")


def _processor(process: psutil.Process) -> float:
    spent = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(times.user + times.system for times in spent)


def _environ(folder: Path) -> dict[str, str]:
    """Nothing that an earlier shot has left is found again: no prompt that is encoded already."""
    home = {"SHOTPACK_HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    models = folder / "home" / "models" / "tiny"
    if not models.exists():
        models.parent.mkdir(parents=True)
        models.symlink_to(TINY, target_is_directory=True)
    return os.environ | home


WAYS: dict[str, Callable[..., Spent]] = {
    "the command line": from_the_command_line,
    "an engine that is off": lambda *of: from_an_engine(*of, ready=False),
    "an engine that is ready": lambda *of: from_an_engine(*of, ready=True),
}


def rows(times: int, earlier: Path | None = None) -> list[Row]:
    """Medians of `times`; with an `earlier` tree also its own and the ratio's, with its range."""
    found = []
    for title, (model, size, steps) in MODELS.items():
        for way, measure in WAYS.items():
            named = "tiny" if model == str(TINY) and way != "the command line" else model
            trees = [ROOT, *([earlier] if earlier is not None else [])]
            spent: dict[Path, list[Spent]] = {tree: [] for tree in trees}
            for _ in range(times):
                for tree in trees:
                    with _emptied() as folder:
                        spent[tree].append(measure(tree, named, size, steps, folder))
            for figure in ("before_sampling", "frames", "frames_wall"):
                values = {tree: [getattr(each, figure) for each in told] for tree, told in spent.items()}
                found.append(_row(f"{title} by {way}: {_WORDS[figure]}", *values.values()))
                print(found[-1], file=sys.stderr, flush=True)
    return found


_WORDS = {
    "before_sampling": "processor seconds before the first step",
    "frames": "processor seconds to the first final frames",
    "frames_wall": "seconds to the first final frames",
}


def _row(figure: str, ours: list[float], theirs: list[float] | None = None) -> Row:
    told = f"{statistics.median(ours):.2f} ({min(ours):.2f} to {max(ours):.2f})"
    if theirs is None:
        return Row(figure, told)
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    ratio = f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return Row(f"{figure}, {ratio}", told, f"{statistics.median(theirs):.2f}", "ratio at most 0.5")


@contextmanager
def _emptied() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="shotpack-first-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


if __name__ == "__main__":
    print(markdown(rows(int(sys.argv[2]) if len(sys.argv) > 2 else 5, Path(sys.argv[1])), "earlier"))
