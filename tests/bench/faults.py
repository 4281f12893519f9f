"""Killing workers, servers and clients at random instants: nothing may be lost, made twice or told twice.

Every round queues one shot on a real server, waits a random part of the time that the shot takes undisturbed, and kills
one of the three with SIGKILL. What died is started again, and the shot must reach its one end with the same pictures.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.table import Row
from tests.engine.serving import ROOT, Serving, models_home

VICTIMS = ("worker", "server", "client")
_ENDS = ("finished", "failed", "cancelled")
_SHOT = {"frames": 109, "steps": 6}
_LISTEN = """
import json, sys
from engine.client.connection import Connection
import queue
inbox = queue.Queue()
Connection(sys.argv[1], sys.argv[2]).listen(inbox)
while True:
    told = inbox.get()
    print(getattr(told, "number", 0), flush=True)
"""


@dataclass
class Toll:
    """What the kills have done; all but `rounds` and `kills` must stay 0."""

    rounds: int = 0
    kills: int = 0
    not_finished: int = 0
    wrong_frames: int = 0
    sections_lost: int = 0
    sections_twice: int = 0
    sampled_twice: int = 0
    ends_not_one: int = 0
    events_missed: int = 0

    @property
    def harm(self) -> int:
        """All that went wrong."""
        return sum(vars(self).values()) - self.rounds - self.kills


def kill_at_random(folder: Path, victims: list[str], seed: int) -> Toll:
    """One round for each of `victims`; `folder` takes the engine's home."""
    rng = random.Random(seed)
    engine = Serving(folder / "home", models_home(folder / "models-home"))
    toll = Toll()
    try:
        alone = engine.add(**_SHOT)
        begun = _wait_until_begun(engine, alone)
        engine.wait_for(alone, "finished")
        seconds, pixels = time.monotonic() - begun, engine.pixels(alone)
        for victim in victims:
            client = _listen(engine)
            job = engine.add(**_SHOT)
            _wait_until_begun(engine, job)
            time.sleep(rng.uniform(0, seconds))
            committed = _sampled(engine, job)
            toll.kills += _kill(engine, client, victim)
            engine.wait_for(job, *_ENDS)
            client.kill()
            client.communicate()
            _count(toll, engine, job, pixels, committed)
            if toll.rounds % 10 == 0:
                print(f"{toll.rounds} of {len(victims)}: {toll}", file=sys.stderr, flush=True)
    finally:
        engine.stop()
    return toll


def rows(folder: Path, kills: int) -> list[Row]:
    """The benchmark's part."""
    toll = kill_at_random(folder, [VICTIMS[number % 3] for number in range(kills)], seed=4)
    return [
        Row(f"killed at random instants: {name.replace('_', ' ')}", str(count)) for name, count in vars(toll).items()
    ]


def _kill(engine: Serving, client: subprocess.Popen[str], victim: str) -> int:
    """Kill the victim and start again what does not do so by itself; returns how many were killed."""
    if victim == "client":
        client.kill()
    elif victim == "server":
        os.kill(engine.process.pid, signal.SIGKILL)
        engine.stop()
        engine.start()
    else:
        for child in _children(engine.process.pid):
            os.kill(child, signal.SIGKILL)
    return 1


def _count(toll: Toll, engine: Serving, job: str, pixels: list[bytes], committed: dict[str, int]) -> None:
    stored = engine.stored(job)
    names = [event["event"] for event in stored]
    sections = [event["index"] for event in stored if event["event"] == "section"]
    toll.rounds += 1
    toll.not_finished += names[-1] != "finished"
    toll.wrong_frames += engine.pixels(job) != pixels
    toll.sections_lost += len(set(range(1, 4)) - set(sections))
    toll.sections_twice += len(sections) - len(set(sections))
    now = _sampled(engine, job)
    toll.sampled_twice += sum(now.get(name) != inode for name, inode in committed.items())
    toll.ends_not_one += sum(name in _ENDS for name in names) != 1
    told = [event["number"] for event in engine.events(f"/v1/jobs/{job}/events")]
    toll.events_missed += told != [event["number"] for event in stored]


def _sampled(engine: Serving, job: str) -> dict[str, int]:
    """The committed sections' files; one that is written again is another file."""
    folder = engine.home / "jobs" / job / "checkpoint"
    return {path.name: path.stat().st_ino for path in folder.glob("latents-*.safetensors")}


def _wait_until_begun(engine: Serving, job: str) -> float:
    while not any(event["event"] == "started" for event in engine.stored(job)):
        time.sleep(0.05)
    return time.monotonic()


def _listen(engine: Serving) -> subprocess.Popen[str]:
    """A client in a process of its own that has heard at least one event."""
    command = [sys.executable, "-c", _LISTEN, engine.ready["url"], engine.ready["token"]]
    client = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    client.stdout.readline()
    return client


def _children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children()]


def main() -> int:
    """For a run by hand with another number of kills: `python -m tests.bench.faults FOLDER ROUNDS SEED`."""
    folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    toll = kill_at_random(folder, [VICTIMS[number % 3] for number in range(count)], seed)
    print(toll)
    return 1 if toll.harm else 0


if __name__ == "__main__":
    sys.exit(main())
