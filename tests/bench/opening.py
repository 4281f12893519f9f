"""Opening Blender beside an engine with a past: how soon the shot of the file shows among 200 finished ones.

The home is filled through the engine's own store: 200 shots of 300 frames, each with its events, of which the last one
has its frames on the disk. What is measured is Blender's side without bpy, from waking the client to the shot's record.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from engine.client.engine_client import EngineClient, EngineLocation
from engine.client.shot import Shot
from engine.events import Finished, Progress, Queued, Section, SectionPlan, Started
from engine.protocol import ShotRequest
from engine.serialization import to_json_text
from engine.server.storage.states import State
from engine.server.storage.store import JobStore
from tests.bench.table import Row
from tests.engine.serving import ROOT, Serving, models_home

SHOTS, FRAMES, SECTION = 200, 300, 36
_TICK = 0.1


def rows(folder: Path, quick: bool) -> list[Row]:
    """The benchmark's part."""
    home = folder / "home"
    home.mkdir(parents=True)
    engine = Serving(home, models_home(folder / "models-home"))
    engine.stop()  # it has made its database
    last = _fill(home)
    engine.start()
    try:
        taken = [_opened(engine, last, folder / f"shot-{number}") for number in range(1 if quick else 5)]
    finally:
        engine.stop()
    figure = f"seconds until a shot shows, {SHOTS} finished ones in the engine's home"
    return [Row(figure, f"{statistics.median(taken):.2f} (at most {max(taken):.2f})", wanted="at most 1")]


def _opened(engine: Serving, job: str, folder: Path) -> float:
    client, shot = EngineClient(), Shot("shot", "shot", folder, FRAMES, job)
    begun = time.perf_counter()
    client.wake(EngineLocation(ROOT, ROOT, engine.home))
    client.follow(shot)
    while not shot.pictures:
        time.sleep(_TICK)
        client.poll(0.002)  # as Blender's timer does
    seconds = time.perf_counter() - begun
    client.close()
    return seconds


def _fill(home: Path) -> str:
    """Finished shots in the home; returns the last one's job."""
    store = JobStore(home / "jobs.db")
    request = ShotRequest(model="tiny", prompt="w5", boards=(), frames=FRAMES)
    borders = [(first, min(first + SECTION - 1, FRAMES)) for first in range(1, FRAMES + 1, SECTION)]
    plan = tuple(SectionPlan(number, first, last, "w5") for number, (first, last) in enumerate(borders))
    names = [f"frames/{frame:04d}.png" for frame in range(1, FRAMES + 1)]
    for number in range(SHOTS):
        job = store.add(to_json_text(request), f"shot {number}").id
        store.append(job, Queued(1))
        store.append(job, Started("forward", plan, FRAMES, 64, 64, 30.0, 25, 0), state=State.RUNNING)
        for index, (first, last) in enumerate(borders):
            for stage in ("loading transformer", "decoding"):
                store.append(job, Progress(stage))
            files = tuple(names[first - 1 : last])
            store.append(job, Section(index, index + 1, len(borders), first, last - first + 1, files, ()))
        store.append(job, Finished(FRAMES, 1.0, None))
    store.close()
    frames = home / "jobs" / job / "frames"
    frames.mkdir(parents=True)
    picture = (ROOT / "tests" / "fixtures" / "board.png").read_bytes()
    for name in names:
        (frames.parent / name).write_bytes(picture)
    return job
