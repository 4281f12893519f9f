"""The command line as a person meets it: help, wrong words, doctor, the default model, the progress bar."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.engine.checkpoints import BOARD, TINY
from tests.engine.warm_engine import WarmEngine


def test_doctor_says_a_line_about_everything(warm_engine: WarmEngine, tmp_path: Path) -> None:
    ended = warm_engine.run(["doctor"], tmp_path / "log")
    assert ended.status == 0
    lines = ended.stdout.splitlines()
    assert all(line.startswith(("ok    ", "look  ")) for line in lines)
    for subject in ("python", "torch", "diffusers", "devices", "memory", "disk", "model"):
        assert any(line[6:].startswith(f"{subject}: ") for line in lines), subject
    assert any(line.startswith("ok    model: sketch") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["generate"], "--out"),
        (["generate", "--out", "x", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["generate", "--out", "x", "--frames", "3", "--seconds", "2"], "not allowed with argument"),
        (["generate", "--out", "x", "--memory", "much"], "'much' is no size; write gigabytes"),
        (["models", "path", "no-such-model"], "no-such-model"),
    ],
)
def test_wrong_words_get_one_line(
    arguments: list[str], complaint: str, warm_engine: WarmEngine, tmp_path: Path
) -> None:
    ended = warm_engine.run(arguments, tmp_path / "log")
    assert ended.status in {2, 3}
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("shotpack: ")
    assert complaint in line


def test_the_installed_model_is_the_default(warm_engine: WarmEngine, tmp_path: Path) -> None:
    """A folder under the models home is a model by its name, and without --model it is the one that is used."""
    home = tmp_path / "home"
    shutil.copytree(TINY, home / "models" / "mine")
    command = ["--image", str(BOARD), "--prompt", "w5", "--frames", "5", "--size", "64x64", "--steps", "1"]
    ended = warm_engine.run(["generate", *command, "--out", str(tmp_path / "a")], tmp_path / "log", home=home)
    assert ended.status == 0, ended.stderr
    assert json.loads((tmp_path / "a" / "shot.json").read_text())["model"]["name"] == "mine"
    listed = warm_engine.run(["models", "list", "--json"], tmp_path / "log", home=home)
    assert {"mine", "framepack-i2v", "framepack-f1"} <= {row["name"] for row in json.loads(listed.stdout)}


def test_a_limit_of_memory_is_kept_to(warm_engine: WarmEngine, tmp_path: Path) -> None:
    """Where less may be used than is there, the leaner placement is taken, and said."""
    out = tmp_path / "shot"
    command = ["generate", "--model", str(TINY), "--image", str(BOARD), "--prompt", "w5", "--out", str(out), "--json"]
    command += ["--frames", "1", "--size", "64x64", "--steps", "1", "--device", "cpu", "--memory", "0.05"]
    ended = warm_engine.run(command, tmp_path / "log")
    assert ended.status == 0
    said = [json.loads(line).get("stage", "") for line in ended.stdout.splitlines()]
    assert any(stage.endswith("the limit is 0.05 GB; a smaller picture needs less") for stage in said), said
    memory = json.loads((out / "shot.json").read_text())["memory"]
    assert memory["placement"].startswith("one network at a time")


def test_a_person_sees_progress_and_the_result(warm_engine: WarmEngine, tmp_path: Path) -> None:
    out = tmp_path / "shot"
    command = ["generate", "--model", str(TINY), "--image", str(BOARD), "--prompt", "w5", "--out", str(out)]
    ended = warm_engine.run([*command, "--seconds", "1", "--size", "64x64", "--steps", "3"], tmp_path / "log")
    assert ended.status == 0
    assert ended.stdout == ""
    assert len(list((out / "frames").iterdir())) == 30
    assert "left" in ended.stderr
    assert "frames 1 to 30" in ended.stderr
    assert str(out / "shot.mp4") in ended.stderr
    assert "Loading weights" not in ended.stderr
