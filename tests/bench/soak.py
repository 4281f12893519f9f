"""Hours of everything at once: two clients that do what they like, deaths of all processes, a disk that fills.

`python -m tests.bench.soak FOLDER MINUTES SEED`. Where FOLDER may be mounted (Linux, root) the engine's home is a small
disk of its own, which is filled now and then. In the end every job that was accepted and not removed must have come to
exactly one end, finished ones with all their pictures, and memory and disk must not have grown.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests
from PIL import Image

from tests.bench.table import Row
from tests.engine.checkpoints import BOARD
from tests.engine.serving import Serving, models_home

ENDS = ("finished", "failed", "cancelled")
_DISK_MIB = 256
_JOBS_AT_ONCE = 6
_JOBS_KEPT = 24
_END_SECONDS = 900.0


@dataclass
class Tally:
    """What was done, and what came of it."""

    calls: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    """MiB of the server."""
    disk: list[float] = field(default_factory=list)
    """MiB of the home."""
    threads: list[int] = field(default_factory=list)
    harm: list[str] = field(default_factory=list)


class Client:
    """One artist who cannot decide; its engine may be gone at any moment."""

    def __init__(self, soak: Soak, name: str, seed: int) -> None:
        self._soak = soak
        self._name = name
        self._random = random.Random(seed)
        self._sent = 0

    def run(self) -> None:
        actions: list[tuple[Callable[[], None], int]] = [
            *((self._submit, 6), (self._act, 12), (self._change, 4), (self._remove, 4), (self._park, 2)),
            *((self._look, 6), (self._listen, 2)),
        ]
        while not self._soak.over.is_set():
            act = self._random.choices(*zip(*actions, strict=True))[0]
            with contextlib.suppress(requests.RequestException):
                act()
            self._soak.over.wait(self._random.uniform(0.1, 2.0))

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._soak.call(method, path, **more)

    def _jobs(self, *states: str) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self._call("GET", "/v1/jobs").json()
        return [job for job in jobs if not states or job["state"] in states]

    def _some(self, *states: str) -> str | None:
        jobs = self._jobs(*states)
        return str(self._random.choice(jobs)["id"]) if jobs else None

    def _submit(self) -> None:
        if len(self._jobs("queued", "running", "paused")) >= _JOBS_AT_ONCE:
            return
        image = self._call("POST", "/v1/images", data=BOARD.read_bytes()).json()["image"]
        self._sent += 1
        key = f"{self._name}-{self._sent}"
        body = {"boards": [{"frame": 1, "image": image}], "model": "tiny", "prompt": "w5", "width": 64, "height": 64}
        body |= {"frames": self._random.choice([1, 37, 73, 109]), "steps": 2}
        while not self._soak.over.is_set():
            # An answer that is lost on the line is asked for again, until there is one.
            with contextlib.suppress(requests.RequestException):
                answer = self._call("POST", "/v1/jobs", json=body, headers={"Idempotency-Key": key})
                if answer.status_code in (200, 201):
                    self._soak.accepted(key, answer.json()["id"])
                    if self._random.random() < 0.3:
                        again = self._call("POST", "/v1/jobs", json=body, headers={"Idempotency-Key": key})
                        if again.status_code == 200 and again.json()["id"] != answer.json()["id"]:
                            self._soak.tally.harm.append(f"{key} was made twice")
                    return
                if answer.status_code != 507:
                    return
            self._soak.over.wait(1.0)

    def _act(self) -> None:
        action = self._random.choices(["pause", "resume", "cancel"], [4, 8, 1])[0]
        job = self._some() if self._random.random() < 0.3 else self._some("queued", "running", "paused")
        if job is not None:
            answer = self._call("POST", f"/v1/jobs/{job}/{action}")
            if answer.status_code == 200 and answer.json()["id"] != job:
                self._soak.accepted(f"after {job}", answer.json()["id"])

    def _change(self) -> None:
        job, other = self._some("queued", "running", "paused"), self._some("queued")
        change = self._random.choice([{"prompt": "w9"}, {"steps": 3}, {"name": "x"}, {"before": other or "end"}])
        if job is not None:
            self._call("PATCH", f"/v1/jobs/{job}", json=change)

    def _remove(self) -> None:
        ended = self._jobs(*ENDS)
        if len(ended) > _JOBS_KEPT:
            job = str(self._random.choice(ended)["id"])
            self._soak.removing(job)
            self._call("DELETE", f"/v1/jobs/{job}")

    def _park(self) -> None:
        lease = {"client": self._name, "seconds": self._random.uniform(1, 8)}
        self._call("POST", "/v1/engine/park", json=lease)
        if self._random.random() < 0.5:
            self._call("POST", "/v1/engine/unpark", json={"client": self._name})

    def _look(self) -> None:
        job = self._some()
        self._call("GET", "/v1/engine")
        if job is not None:
            self._call("GET", f"/v1/jobs/{job}")

    def _listen(self) -> None:
        address, headers = self._soak.address("/v1/events")
        with requests.get(address, headers=headers, stream=True, timeout=5) as answer:
            begun = time.monotonic()
            for _ in answer.iter_lines():
                if self._soak.over.is_set() or time.monotonic() - begun > 5:
                    return


class Soak:
    """The engine, what befalls it, and what is known of it from outside."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.over = threading.Event()
        self.tally = Tally()
        self._random = random.Random(seed)
        self._known: dict[str, str] = {}
        self._removed: set[str] = set()
        self._lock = threading.Lock()
        self.home = folder / "home"
        self.engine = Serving(self.home, models_home(folder / "models-home"))

    def address(self, path: str) -> tuple[str, dict[str, str]]:
        ready = self.engine.ready
        return ready["url"] + path, {"Authorization": f"Bearer {ready['token']}"}

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
        address, token = self.address(path)
        self.tally.calls[method] += 1
        answer = requests.request(method, address, headers=token | (headers or {}), timeout=30, **more)
        self.tally.answers[answer.status_code] += 1
        if answer.status_code == 500:
            self.tally.harm.append(f"{method} {path}: 500 {answer.text[:200]}")
        return answer

    def accepted(self, key: str, job: str) -> None:
        with self._lock:
            self._known[job] = key

    def removing(self, job: str) -> None:
        with self._lock:
            self._removed.add(job)

    def befall(self, small_disk: bool) -> None:
        """Kill, restart and fill, until it is over."""
        rounds = 0
        # A worker needs some seconds to load its libraries, and shots are to be finished as well.
        while not self.over.wait(self._random.uniform(45, 150)):
            rounds += 1
            victim = self._random.choice(["worker", "worker", "server", "end"])
            if small_disk and rounds % 5 == 0:
                victim = "disk"
            self.tally.deaths[victim] += 1
            if victim == "worker":
                for child in psutil.Process(self.engine.process.pid).children():
                    with contextlib.suppress(psutil.Error):
                        child.kill()
            elif victim == "disk":
                self._fill(self._random.uniform(3, 15))
            else:
                if victim == "server":
                    os.kill(self.engine.process.pid, signal.SIGKILL)
                self.engine.stop()
                self.engine.start()

    def _fill(self, seconds: float) -> None:
        ballast = self.home / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65_536)
        self.over.wait(seconds)
        ballast.unlink()

    def watch(self) -> None:
        """Note what the engine takes, until it is over."""
        while not self.over.wait(5):
            with contextlib.suppress(psutil.Error, OSError):
                server = psutil.Process(self.engine.process.pid)
                self.tally.memory.append(server.memory_info().rss / 2**20)
                self.tally.threads.append(server.num_threads())
                self.tally.disk.append(
                    sum(f.stat().st_size for f in self.home.rglob("*") if f.is_file() and f.name != "ballast") / 2**20
                )

    def settle(self) -> None:
        """Let every job come to its end, and see what came of it."""
        for client in ("one", "two"):
            self.call("POST", "/v1/engine/unpark", json={"client": client})
        begun = time.monotonic()
        while waiting := [job for job in self.call("GET", "/v1/jobs").json() if job["state"] not in ENDS]:
            for job in waiting:
                if job["state"] == "paused":
                    self.call("POST", f"/v1/jobs/{job['id']}/resume")
            if time.monotonic() - begun > _END_SECONDS:
                self.tally.harm += [f"{job['id']} is {job['state']} for ever" for job in waiting]
                break
            time.sleep(1)
        there = {job["id"]: job for job in self.call("GET", "/v1/jobs").json()}
        for job, key in self._known.items():
            if job not in there and job not in self._removed:
                self.tally.harm.append(f"{job} ({key}) is lost")
        for job, record in there.items():
            self.tally.ends[record["state"]] += 1
            stored = self.engine.stored(job)
            if sum(event["event"] in ENDS for event in stored) != 1:
                self.tally.harm.append(f"{job} has not one end")
            if record["state"] == "failed":
                self.tally.failures[next(event["code"] for event in stored if event["event"] == "failed")] += 1
            if record["state"] == "finished":
                self._whole(job, record["request"]["frames"])

    def _whole(self, job: str, frames: int) -> None:
        pictures = sorted((self.home / "jobs" / job / "frames").glob("*.png"))
        with contextlib.suppress(OSError):
            for picture in pictures:
                Image.open(picture).load()
            if len(pictures) == frames:
                return
        self.tally.harm.append(f"{job} is finished without all its pictures")


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk at `folder`, where that may be done."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def soak(folder: Path, minutes: float, seed: int) -> Tally:
    """Let everything happen for so long; `folder` takes the home."""
    with small_disk(folder / "home") as mounted:
        made = Soak(folder, seed)
        clients = [Client(made, name, seed + number) for number, name in enumerate(("one", "two"), 1)]
        befalling = threading.Thread(target=made.befall, args=(mounted,))
        threads = [threading.Thread(target=client.run) for client in clients]
        threads += [befalling, threading.Thread(target=made.watch)]
        try:
            for thread in threads:
                thread.start()
            made.over.wait(minutes * 60)
            made.over.set()
            for thread in threads:
                thread.join()
            made.settle()
        finally:
            made.over.set()
            for thread in threads:
                thread.join()
            made.engine.stop()
    return made.tally


def rows(folder: Path, quick: bool) -> list[Row]:
    """The benchmark's part: two hours, or as many minutes with `quick`."""
    minutes = 2.0 if quick else 120.0
    tally = soak(folder, minutes, seed=23)
    return [
        Row(f"soak of {minutes:.0f} minutes: calls", str(sum(tally.calls.values()))),
        Row("what befell it", _words(tally.deaths)),
        Row("answers by status", _words(tally.answers)),
        Row("jobs there in the end, by state", _words(tally.ends)),
        Row("failed by", _words(tally.failures) or "none failed"),
        Row("server's memory, second and last quarter", _quarters(tally.memory, "MiB"), wanted="flat"),
        Row(
            "server's threads, second and last quarter", _quarters([float(n) for n in tally.threads], ""), wanted="flat"
        ),
        Row("the home's size, second and last quarter", _quarters(tally.disk, "MiB"), wanted="flat"),
        Row("lost, made twice, without an end, answered with 500", str(len(tally.harm)), wanted="0"),
        *(Row("harm", harm) for harm in tally.harm[:20]),
    ]


def _words(counts: Counter[Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=str))


def _quarters(values: list[float], unit: str) -> str:
    quarter = max(1, len(values) // 4)
    early, late = values[quarter : 2 * quarter] or values, values[-quarter:]
    return f"{statistics.mean(early):.0f} {unit}, {statistics.mean(late):.0f} {unit}".replace(" ,", ",").strip()


def main() -> int:
    """Run as a script; exit code 1 where anything was harmed."""
    folder, minutes, seed = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    tally = soak(folder, minutes, seed)
    print(tally)
    return 1 if tally.harm else 0


if __name__ == "__main__":
    sys.exit(main())
