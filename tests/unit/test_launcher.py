"""What is said where there is no engine to start: which file it is, and not that a log says more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.client.launcher import start
from engine.client.model_list import ModelList
from engine.errors import Code, EngineError
from tests.patience import PATIENCE

PYTHON, ROOT = Path(sys.executable), Path(__file__).resolve().parents[2]


def started(python: Path, folder: Path, home: Path) -> EngineError:
    with pytest.raises(EngineError) as refused:
        start(python, folder, home)
    return refused.value


def looked_for_models(python: Path, folder: Path, _home: Path) -> EngineError:
    model_list = ModelList(python, folder)
    model_list.look()
    model_list.wait(PATIENCE)
    assert model_list.fault is not None
    return model_list.fault


@pytest.mark.parametrize("asked", [started, looked_for_models])
@pytest.mark.parametrize("missing", ["python", "engine folder"])
def test_what_is_not_there_is_named(
    asked: Callable[[Path, Path, Path], EngineError], missing: str, tmp_path: Path
) -> None:
    gone = tmp_path / "typed wrongly" / "python3"
    python, folder = (gone, ROOT) if missing == "python" else (PYTHON, gone)
    fault = asked(python, folder, tmp_path / "home")
    assert fault.code is Code.ENGINE_START_FAILED
    assert fault.sentence == f"The engine did not start: there is no {gone}"
    assert fault.params["log"] == ""


@pytest.mark.skipif(sys.platform == "win32", reason="a file is run by its name there")
def test_what_is_there_and_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no program")
    assert str(file) in started(file, ROOT, tmp_path / "home").sentence
    assert str(file) in started(PYTHON, ROOT, file).sentence  # a file where the engine's data should lie
