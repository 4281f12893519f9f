"""A busy engine: 200 jobs in the queue, 50 clients listening, a worker computing; how soon calls are answered.

The listeners are a process of their own, so that reading their streams costs the measured calls nothing but the
processor. Latency is measured over a kept-alive connection, as the extension's own is.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.table import Row
from tests.engine.serving import ROOT, Serving, models_home

JOBS, LISTENERS = 200, 50
_LISTEN = """
import queue, sys, time
from engine.client.connection import Connection
inbox = queue.Queue()
for _ in range(int(sys.argv[3])):
    Connection(sys.argv[1], sys.argv[2]).listen(inbox)
numbers = 0
while True:
    numbers += getattr(inbox.get(), "number", None) is not None
    if inbox.empty():
        print(numbers, flush=True)
"""


def rows(folder: Path, quick: bool) -> list[Row]:
    """The benchmark's part."""
    import psutil

    seconds = 10.0 if quick else 60.0
    engine = Serving(folder / "home", models_home(folder / "models-home"))
    command = [sys.executable, "-c", _LISTEN, engine.ready["url"], engine.ready["token"], str(LISTENERS)]
    try:
        while not engine.call("GET", "/v1/engine").json()["workers"][0]["ready"]:
            time.sleep(0.1)
        listeners = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(JOBS):
            last = engine.add(frames=37)
        server = psutil.Process(engine.process.pid)
        memory = [server.memory_info().rss / 2**20]
        taken: dict[str, list[float]] = {}
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            for path in ("/v1/engine", f"/v1/jobs/{last}", "/v1/jobs", "/metrics"):
                called = time.perf_counter()
                assert engine.call("GET", path).status_code == 200
                taken.setdefault(path, []).append(time.perf_counter() - called)
            called = time.perf_counter()
            assert engine.call("PATCH", f"/v1/jobs/{last}", json={"name": "x"}).status_code == 200
            taken.setdefault("PATCH a job", []).append(time.perf_counter() - called)
            time.sleep(0.05)
            memory.append(server.memory_info().rss / 2**20)
        listeners.kill()
        told = [int(line) for line in listeners.communicate()[0].split()]
    finally:
        engine.stop()
    everything = [each for calls in taken.values() for each in calls]
    what = f"{JOBS} jobs, {LISTENERS} listeners, a worker computing"
    result = [
        Row(f"events delivered to the listeners, {what}", f"{told[-1] if told else 0}"),
        Row(f"latency of {len(everything)} calls, median", f"{statistics.median(everything) * 1000:.1f} ms"),
        Row("the same, p99", f"{_p99(everything) * 1000:.1f} ms", wanted="under 50 ms"),
        *(Row(f"p99 of {path}", f"{_p99(calls) * 1000:.1f} ms") for path, calls in sorted(taken.items())),
    ]
    quarter = len(memory) // 4
    early, late = statistics.mean(memory[quarter : 2 * quarter]), statistics.mean(memory[-quarter:])
    result.append(Row("server's memory, second and last quarter", f"{early:.0f} MiB, {late:.0f} MiB", wanted="flat"))
    return result


def ready_time(folder: Path, quick: bool) -> list[Row]:
    """From starting the process to its ready line."""
    folder.mkdir()
    taken = []
    for number in range(3 if quick else 10):
        begun = time.perf_counter()
        engine = Serving(folder / f"ready-{number}", folder / "no-models")
        taken.append(time.perf_counter() - begun)
        engine.stop()
    spread = f"{min(taken):.2f} to {max(taken):.2f}"
    return [
        Row(f"ready line, {len(taken)} starts", f"{statistics.median(taken):.2f} s ({spread})", wanted="under 1.0 s")
    ]


def _p99(calls: list[float]) -> float:
    return sorted(calls)[int(len(calls) * 0.99)]
