"""A real engine server for tests and benchmarks, started as Blender would start it, and a client's few calls."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from PIL import Image

from tests.engine.checkpoints import BOARD, TINY
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
"""Seconds; workers give way to everything else on a busy machine."""


class Serving:
    """`python -m engine serve` over `home`, with the models in `models`."""

    def __init__(self, home: Path, models: Path) -> None:
        self.home = home
        self._environ = os.environ | {"SHOTPACK_HOME": str(models), "OMP_NUM_THREADS": "1"}
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "engine", "serve", "--home", str(self.home), "--device", "cpu"]
        self.log = (self.home.parent / f"{self.home.name}.log").open("ab")
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=self._environ
        )
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self.ready['token']}"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.ready["url"] + path, timeout=PATIENCE, **more)

    def board(self) -> str:
        return self.call("POST", "/v1/images", data=BOARD.read_bytes()).json()["image"]

    def add(self, **more: Any) -> str:
        job = {"boards": [{"frame": 1, "image": self.board()}], "model": "tiny", "prompt": "w5 w2", "frames": 73}
        answer = self.call("POST", "/v1/jobs", json=job | {"width": 64, "height": 64, "steps": 4} | more)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def events(self, path: str, after: int = 0) -> Iterator[dict[str, Any]]:
        headers = {"Last-Event-ID": str(after)}
        with self.session.get(self.ready["url"] + path, headers=headers, stream=True, timeout=PATIENCE) as answer:
            assert answer.status_code == 200
            for line in answer.iter_lines():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

    def state(self, job: str) -> str:
        return self.call("GET", f"/v1/jobs/{job}").json()["state"]

    def wait_for(self, job: str, *states: str) -> None:
        begun = time.monotonic()
        while self.state(job) not in states:
            assert time.monotonic() - begun < PATIENCE
            time.sleep(0.1)

    def pixels(self, job: str) -> list[bytes]:
        folder = self.home / "jobs" / job / "frames"
        return [Image.open(path).tobytes() for path in sorted(folder.glob("*.png"))]

    def stored(self, job: str) -> list[dict[str, Any]]:
        """All events of a job so far, from the database, with their numbers."""
        rows = sqlite3.connect(f"file:{self.home / 'jobs.db'}?mode=ro", uri=True)
        with contextlib.closing(rows):
            query = "SELECT number, event FROM events WHERE job = ? ORDER BY number"
            return [{"number": row[0], **json.loads(row[1])} for row in rows.execute(query, (job,))]

    def stop(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait(PATIENCE)
        self.session.close()
        self.log.close()


def models_home(folder: Path) -> Path:
    """A Shotpack home in `folder` whose only model is the tiny checkpoint, by the name `tiny`."""
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "tiny").symlink_to(TINY, target_is_directory=True)
    return folder
