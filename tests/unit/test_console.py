"""Commands on consoles that cannot write every letter: nothing ends because of what is printed, and JSON stays JSON."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.commands.generate import _lora
from engine.commands.progress import ProgressBar
from engine.console import readable
from engine.events import Finished, SectionPlan, Started, Step
from engine.protocol import Lora
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def command(
    *arguments: str | bytes, encoding: str = "ascii:strict", shell: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run the engine's command line under LANG=C, with `shell` behind it to close its streams."""
    environ = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    call: list[str | bytes] = [sys.executable, "-m", "engine", *arguments]
    if shell:
        call = ["sh", "-c", f'exec "$0" "$@" {shell}', *call]
    return subprocess.run(call, cwd=ROOT, env=environ, capture_output=True, timeout=PATIENCE)


MISSING = "/nowhere/größe-字.png"
BROKEN = b"/nowhere/\xff-name.png"


@pytest.mark.parametrize("encoding", ["ascii:strict", "cp1252:strict", "utf-8:strict"])
def test_a_fault_is_one_line(encoding: str) -> None:
    """With a name of letters that no code page has together, and one that is no text at all."""
    for image in (MISSING.encode(), BROKEN):
        ended = command("generate", "--out", "no", "--image", image, encoding=encoding)
        assert ended.returncode == 2, ended.stderr
        (line,) = ended.stderr.splitlines()
        assert line.startswith(b"shotpack: There is no image at /nowhere/")
        if image is BROKEN:
            assert image in line, "as it is on disk"


def test_json_is_json_in_any_code_page() -> None:
    for image in (MISSING.encode(), BROKEN):
        ended = command("generate", "--json", "--out", "no", "--image", image, encoding="cp1252:strict")
        event = json.loads(ended.stdout)
        assert (event["event"], event["code"]) == ("failed", "image_missing")
        assert (
            os.fsencode(event["detail"]["path"].encode("ascii", "surrogateescape").decode("utf-8", "surrogateescape"))
            == image
        )


def test_models_are_listed(tmp_path: Path) -> None:
    for name in ("Zürich".encode(), b"\xff"):
        folder = tmp_path / "models" / os.fsdecode(name)
        folder.mkdir(parents=True)
        (folder / "model_index.json").write_text("{}")
    listed = command("models", "list", "--json", "--home", os.fsencode(tmp_path))
    assert listed.returncode == 0, listed.stderr
    assert {"framepack-i2v"} < {row["name"] for row in json.loads(listed.stdout)}
    table = command("models", "list", "--home", os.fsencode(tmp_path), encoding="cp1252:strict")
    assert table.returncode == 0, table.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(closed: str) -> None:
    ended = command("generate", "--json", "--out", "no", "--image", "missing.png", shell=closed)
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
@pytest.mark.parametrize(("full", "told"), [(">/dev/full", True), ("2>/dev/full", False), (">/dev/full 2>&1", False)])
def test_a_disk_without_room_for_what_is_printed(full: str, told: bool) -> None:
    ended = command("generate", "--json", "--out", "no", "--image", "missing.png", shell=full)
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr
    assert (b"The disk is full" in ended.stderr) is told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_a_shot_is_made_also_where_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given_up = []
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        monkeypatch.setattr("engine.commands.progress.give_up", given_up.append)
        bar = ProgressBar(tmp_path)
        bar.show(Finished(37, 1.0, "shot.mp4"))
        assert given_up == [full]
        with contextlib.suppress(OSError):
            full.close()


def test_a_folders_name_moves_no_cursor_where_its_shot_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ProgressBar(tmp_path / "a\x1b[2J\nb").show(Finished(37, 1.0, "shot.mp4"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert r"a\x1b[2J\x0ab" in line


def test_no_time_is_left_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(tmp_path)
    bar.show(Started("forward", (SectionPlan(0, 1, 37, "w5"),), 37, 64, 64, 30.0, 2, 0))
    for step in (1, 2):
        bar.show(Step(0, step, 2, 163.0))
    bar.show(Finished(37, 1.0, "shot.mp4"))
    last = capsys.readouterr().err.replace("\r", "\n").rstrip().splitlines()[-2]
    assert "2/2" in last
    assert "left" not in last


def test_a_prompt_that_was_no_text_becomes_one() -> None:
    assert readable("grün") == "grün"
    assert readable(os.fsdecode("grün".encode())) == "grün"
    assert readable("gr\udcc3\udcbcn") == "grün"
    assert readable("gr\udcffn") == "gr\ufffdn"


@pytest.mark.parametrize(
    ("text", "lora"),
    [
        ("ink", Lora("ink")),
        ("ink=0.8", Lora("ink", 0.8)),
        ("ink:0.8", Lora("ink", 0.8)),
        ("ink 2", Lora("ink 2")),
        ("ink 2=-0.5", Lora("ink 2", -0.5)),
        ("v1:2", Lora("v1:2")),  # a LoRA bears this name
        ("v1:2=0.3", Lora("v1:2", 0.3)),
        ("a=b", Lora("a=b")),
    ],
)
def test_a_lora_is_named_whole(text: str, lora: Lora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOTPACK_HOME", str(tmp_path))
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "v1:2.safetensors").touch()
    assert _lora(text) == lora
