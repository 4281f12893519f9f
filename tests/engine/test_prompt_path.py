"""The way of a prompt from the artist's side to the text encoder: how many files it passes, and how often it is parsed.

Everything is the real thing, in one process: the request is written as a .blend keeps it, sent, checked, stored, handed
out, and read by a worker. `tests/host/test_operators.py` sees to the first files, from the press on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.client.connection import Connection
from engine.client.shot import Shot
from engine.client.shot_words import words_of
from engine.client.stored_request import write
from engine.client.submit import queue
from engine.inference.family import TextCondition
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.registry import Families
from engine.protocol import Board, ShotRequest
from engine.server.app import create_app
from engine.server.service import Service
from engine.server.workers.worker import Worker
from engine.server.workers.worker_messages import Make, order_from_line, to_line
from tests.engine.checkpoints import BOARD, TINY
from tests.prompt_path import MARK, ROOT, listed, opened, traced
from tests.unit.scripted_pool import ScriptedPool

MOST_FILES = 16
ANSWERS = ("engine/server/app.py", "httpx")
"""Who reads answers, which are not on the way."""
STAMP = "engine/client/stored_request.py"
"""Who reads what a .blend keeps, where a file that was opened again has nothing else."""


class ArrivedError(Exception):
    """The text encoder has the prompt."""


class Line(Connection):
    """A connection to an application in this process."""

    def __init__(self, app: TestClient) -> None:
        super().__init__("http://testserver", "")
        self._app = app

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self._app.request(method, path, **({"content": more.pop("data")} if "data" in more else {}), **more)
        assert answer.is_success, answer.text
        return answer


def test_a_prompt_passes_few_files_and_is_parsed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived: list[str] = []
    parsed: list[str] = []
    loads = json.loads

    def counted(text: Any, *args: Any, **more: Any) -> Any:
        found = loads(text, *args, **more)
        if opened(found):
            caller = Path(sys._getframe(1).f_code.co_filename)
            parsed.append(caller.relative_to(ROOT).as_posix() if caller.is_relative_to(ROOT) else str(caller))
        return found

    def encode(_: object, texts: Sequence[str]) -> list[TextCondition]:
        arrived.extend(texts)
        raise ArrivedError

    home, folder = tmp_path / "home", tmp_path / "shot"
    monkeypatch.setenv("SHOTPACK_HOME", str(tmp_path / "models-home"))
    (tmp_path / "models-home" / "models").mkdir(parents=True)
    (tmp_path / "models-home" / "models" / "tiny").symlink_to(TINY, target_is_directory=True)
    folder.mkdir()
    (folder / "board.png").write_bytes(BOARD.read_bytes())
    monkeypatch.setattr(HunyuanFramePack, "encode_texts", encode)
    service = Service(home, ScriptedPool(("cpu",)), "0.1.0")
    with TestClient(create_app(service)) as app:
        monkeypatch.setattr(json, "loads", counted)
        with traced() as files:
            words = words_of(range(1, 38), own=f"w5 {MARK}").text
            request = ShotRequest("tiny", words, (Board(1, "board.png"),), frames=37, width=64, height=64)
            queue(Line(app), Shot("id", "panel", folder, 37, request=write(request, "panel")))
            ((_, order),) = service.pool.orders  # type: ignore[attr-defined]
            assert isinstance(order, Make)
            worker = Worker("cpu", -1, home)
            worker._families = Families()
            monkeypatch.setattr(worker, "_say", lambda _report: None)
            worker._make(order_from_line(to_line(order)))  # type: ignore[arg-type]
    assert arrived == [f"w5 {MARK}"]
    way = [file for file in parsed if file != STAMP and not any(part in file for part in ANSWERS)]
    assert len(way) == 2, way
    assert way[1] == "engine/server/workers/worker.py"
    files.add(way[1])  # it gets the request closed, and opens it
    assert sorted(files) == sorted(file for file in listed() if file.startswith("engine/")), "as ARCHITECTURE.md shows"
    assert len(listed()) == len(set(listed())) <= MOST_FILES
