"""`finish`: a shot's take or a PNG sequence in a folder of its own; killed anywhere, it ends in the same bytes."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.__main__ import main
from engine.errors import EngineError
from engine.finishing import optical_flow
from engine.finishing.plan import finish_plan
from engine.finishing.sequence import Finisher, choose
from engine.finishing.sources import find_source
from engine.media import provenance
from engine.media.frames import write_frames
from engine.media.measures import psnr
from engine.protocol import Finish
from tests.engine.moving_clips import fixture, panned, write
from tests.engine.warm_engine import WarmEngine

SIZE = (96, 54)
SIGKILLED = -9


def small(frame: int, name: str = "photo-astronaut") -> np.ndarray:
    return np.asarray(Image.fromarray(panned(name, frame)).reduce(2))


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures by number, with a cut after the third."""
    folder = tmp_path_factory.mktemp("pictures") / "shots"
    write(folder, [small(n) for n in range(3)] + [small(n, "ink-church") for n in range(3)])
    return folder


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished shot of three frames and two takes, as the engine leaves it; take 3 finishes take 2."""
    folder = tmp_path_factory.mktemp("shot") / "shot-1"
    said = provenance.Provenance(provenance.TRAINED, "A street.", {"prompt": "A street.", "seed": 3}, "Shotpack")
    request = {"frames": 3, "fps": 24.0, "prompt": "A street."}
    for take, mark, fade in ((1, "", 1.0), (2, "-t02", 0.9), (3, "-t03", 0.8)):
        names = [folder / "frames" / f"{n:04d}{mark}.png" for n in (1, 2, 3)]
        names[0].parent.mkdir(parents=True, exist_ok=True)
        pictures = [(small(n, "render-street") * fade).astype(np.uint8) for n in range(3)]
        write_frames(zip(names, pictures, strict=True), said.texts())
        asked = request | ({"finish": {"upscale": "2"}} if take == 3 else {})
        begun = {"request": asked, "model": {}, "parent": max(1, take - 1), "kept": [], "kept_frames": []}
        checkpoint = folder / "checkpoint" / (f"takes/{take:02d}" if take > 1 else "")
        checkpoint.mkdir(parents=True, exist_ok=True)
        (checkpoint / "request.json").write_text(json.dumps(begun))
        record = folder / (f"takes/{take:02d}.json" if take > 1 else "shot.json")
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps({"request": asked, "model": {"name": "sketch"}}))
    return folder


def frames(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "frames").glob("*.png"))]


def shown(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = main(["finish", *map(str, arguments)])
    return code, capsys.readouterr().err


def test_a_sequence_is_made_larger_and_faster_and_its_cut_is_kept(
    sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in sequence.rglob("*")}
    out = tmp_path / "out"
    code, told = said(capsys, sequence, "--source-fps", "24", "--out", out, "--upscale", "2", "--fps", "60")
    assert (code, told.count("15 frames")) == (0, 2)
    made = sorted((out / "frames").glob("*.png"))
    assert len(made) == round(6 * 60 / 24)
    assert all(shown(path).shape == (108, 192, 3) for path in made)
    # Frame 3 of the source is shown at 5 of the result; until half way to the next shot it is held.
    pictures = [shown(path) for path in made]
    assert np.array_equal(pictures[5], pictures[6])
    assert np.array_equal(pictures[7], shown(made[8])) or psnr(pictures[7], pictures[6]) < 15
    with av.open(str(out / "shot.mp4")) as movie:
        assert movie.streams.video[0].average_rate == 60
        assert movie.streams.video[0].frames == 15
    record = json.loads((out / "shot.json").read_text())
    assert record["finished"]["between"] == "2-5 9-10 12-13", "those that are held at the cut are no new ones"
    told_of = [(provenance.read(path) or provenance.Provenance("")).shot["finishing"][0] for path in made[5:10]]
    assert ["between" in done for done in told_of] == [False, False, False, True, True]
    assert record["source"]["made_by"] is None
    assert record["finish"] == {
        "upscale": "2",
        "upscaler": "waifu2x",
        "fps": 60.0,
        "slow": 1.0,
        "between": "flow",
        "steady": True,
    }
    read = provenance.read(made[0])
    assert read is not None
    assert read.source == provenance.ENHANCED
    assert {path: path.read_bytes() for path in sequence.rglob("*")} == before


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 59.94, 60])
def test_from_30_every_rate_has_exactly_its_frames(
    fps: float, sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(30):
        shutil.copy(sequence / f"{number % 3 + 1:04d}.png", many / f"{number:03d}.png")
    out = tmp_path / "out"
    code, _ = said(capsys, many, "--source-fps", "30", "--out", out, "--fps", str(fps), "--slow", "1.5")
    assert code == 0
    exact = Fraction(60000, 1001) if fps == 59.94 else Fraction(fps)
    assert len(frames(out)) == round(30 * Fraction(3, 2) * exact / 30)
    with av.open(str(out / "shot.mp4")) as movie:
        assert movie.streams.video[0].average_rate == exact


def test_of_a_shot_the_newest_take_that_a_model_made_is_finished(
    shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in shot.rglob("*.*")}
    code, told = said(capsys, shot, "--out", tmp_path / "new", "--slow", "2")
    assert code == 0
    assert "finishing take 2" in told
    assert said(capsys, shot / "frames", "--take", "1", "--out", tmp_path / "old", "--slow", "2")[0] == 0
    for folder, take in (("new", "-t02"), ("old", "")):
        made = sorted((tmp_path / folder / "frames").glob("*.png"))
        assert len(made) == 6
        assert np.array_equal(shown(made[2]), shown(shot / "frames" / f"0002{take}.png"))
    record = json.loads((tmp_path / "new" / "shot.json").read_text())
    assert record["source"] == {
        "folder": "shot-1",
        "take": 2,
        "frames": 3,
        "fps": 24.0,
        "made_by": {"request": {"frames": 3, "fps": 24.0, "prompt": "A street."}, "model": {"name": "sketch"}},
    }
    read = provenance.read(tmp_path / "new" / "frames" / "0002.png")
    assert read is not None
    assert (read.source, read.description, read.shot["seed"]) == (provenance.TRAINED, "A street.", 3)
    assert read.shot["finishing"] == [{"slow": 2.0, "between": "flow"}]
    assert {path: path.read_bytes() for path in shot.rglob("*.*")} == before
    # What was finished can be finished further.
    assert said(capsys, tmp_path / "new", "--out", tmp_path / "third", "--upscale", "192x108")[0] == 0
    assert len(frames(tmp_path / "third")) == 6


def test_killed_it_goes_on_to_the_same_bytes(sequence: Path, warm_engine: WarmEngine, tmp_path: Path) -> None:
    asked = ["finish", str(sequence), "--source-fps", "24", "--upscale", "2", "--fps", "48", "--out"]
    whole = tmp_path / "whole"
    assert warm_engine.run([*asked, str(whole)], tmp_path / "log").status == 0
    torn = tmp_path / "torn"
    # As a kill leaves it: some frames, one of them not whole, no movie.
    shutil.copytree(whole, torn)
    for path in (torn / "shot.json", torn / "shot.mp4", torn / "frames" / "0006.png", torn / "frames" / "0009.png"):
        path.unlink()
    damaged = torn / "frames" / "0003.png"
    damaged.write_bytes(damaged.read_bytes()[:-300])
    (torn / "frames" / ".0009.png.999999999-abcd.part.png").write_bytes(b"part")
    kept = torn / "frames" / "0001.png"
    stamp = kept.stat().st_mtime_ns
    assert warm_engine.run([*asked, str(torn)], tmp_path / "log").status == 0
    assert kept.stat().st_mtime_ns == stamp
    assert frames(torn) == frames(whole)
    assert (torn / "shot.mp4").read_bytes() == (whole / "shot.mp4").read_bytes()
    assert not list((torn / "frames").glob(".*"))


def test_a_frame_that_lost_what_it_said_says_it_again(
    sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = [sequence, "--source-fps", "24", "--out", out, "--slow", "2"]
    assert said(capsys, *asked)[0] == 0
    whole = frames(out)
    for name in ("0002.png", "0003.png"):
        with Image.open(out / "frames" / name) as picture:
            Image.fromarray(np.asarray(picture)).save(out / "frames" / name)
    assert said(capsys, *asked)[0] == 0
    assert frames(out) == whole


def test_begun_otherwise_it_is_refused(sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    asked = [sequence, "--source-fps", "24", "--out", out]
    assert said(capsys, *asked, "--slow", "2")[0] == 0
    code, told = said(capsys, *asked, "--slow", "3")
    assert code == 2
    assert "another slow (2.0, now 3.0)" in told


def test_the_same_command_goes_on_as_it_began_though_more_is_installed_since(
    sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [sequence, "--source-fps", "24", "--upscale", "2", "--fps", "48", "--out"]
    with monkeypatch.context() as patch:
        patch.setattr(optical_flow, "has", lambda _module: False)
        assert said(capsys, *asked, tmp_path / "out")[0] == 0
    without = frames(tmp_path / "out")
    for name in ("shot.json", "frames/0002.png", "frames/0005.png", "frames/0007.png"):
        (tmp_path / "out" / name).unlink()
    assert said(capsys, *asked, tmp_path / "out")[0] == 0
    assert frames(tmp_path / "out") == without
    code, told = said(capsys, *asked, tmp_path / "out", "--between", "flow")
    assert code == 2
    assert "another between (motion, now flow)" in told
    # As a release before 0.2 left it, which did not say whether it steadied.
    begun = tmp_path / "out" / "checkpoint" / "finish.json"
    data = json.loads(begun.read_text())
    del data["finish"]["steady"]
    begun.write_text(json.dumps(data))
    assert said(capsys, *asked, tmp_path / "out")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{sequence}", "--out", "{out}", "--upscale", "2"], "add --source-fps F"),
        (["{sequence}", "--out", "{out}", "--source-fps", "24"], "add --upscale, --fps or --slow"),
        (["{sequence}", "--out", "{sequence}", "--source-fps", "24", "--slow", "2"], "choose a folder apart"),
        (["{sequence}", "--out", "{sequence}/out", "--source-fps", "24", "--slow", "2"], "choose a folder apart"),
        (["{sequence}", "--out", "{shot}", "--source-fps", "24", "--slow", "2"], "already holds a shot"),
        (["{shot}", "--out", "{out}", "--slow", "2", "--take", "7"], "choose one of 1, 2, 3"),
        (["{shot}", "--out", "{out}", "--slow", "2", "--source-fps", "24"], "leave out --source-fps"),
        (["{sequence}/0001.png", "--out", "{out}", "--slow", "2"], "it is a file"),
        (["{sequence}/none", "--out", "{out}", "--slow", "2"], "there is no such folder"),
        (["{empty}", "--out", "{out}", "--slow", "2"], "neither a shot nor numbered PNG pictures"),
        (["{two}", "--out", "{out}", "--slow", "2", "--source-fps", "24"], "more than one sequence (a…​.png"),
        (["{gap}", "--out", "{out}", "--slow", "2", "--source-fps", "24"], "picture 2 is missing"),
        (["{sizes}", "--out", "{out}", "--slow", "2", "--source-fps", "24"], "2.png is 48x27 and 1.png 96x54"),
        (["{far}", "--out", "{out}", "--slow", "2", "--source-fps", "24"], "picture 2 is missing"),
        (["{deep}", "--out", "{out}", "--slow", "2"], "it is no record of a shot"),
        (["{endless}", "--out", "{out}", "--slow", "2"], "does not say how many frames there are"),
        (["{fast}", "--out", "{out}", "--slow", "2"], "does not say how fast its frames are shown"),
        (["{listed}", "--out", "{out}", "--slow", "2"], "is damaged (it is no object)"),
        (["{many}", "--out", "{out}", "--slow", "2"], "36000 are the most; finish a shorter shot"),
        (["{sequence}", "--out", "{torn}", "--source-fps", "24", "--slow", "2"], "choose another folder: finish.json"),
        (["{sequence}", "--out", "{out}", "--source-fps", "24", "--upscale", "3"], "a size such as 1920x1080"),
        (["{sequence}", "--out", "{out}", "--source-fps", "24", "--upscale", "00x00"], "the size is 0x0"),
        (["{sequence}", "--out", "{out}", "--source-fps", "24", "--fps", "0"], "--fps is 0.0"),
        (["{sequence}", "--out", "{out}", "--source-fps", "24", "--fps", "nan"], "--fps is nan"),
        (["{sequence}", "--out", "{out}", "--source-fps", "0", "--slow", "2"], "--source-fps is 0.0"),
        (["{sequence}", "--out", "{out}", "--source-fps", "inf", "--slow", "2"], "--source-fps is inf"),
        (["{sequence}", "--out", "{out}", "--source-fps", "24", "--between", "nearest"], "goes with --upscale, --fps"),
        (
            ["{sequence}", "--out", "{out}", "--source-fps", "24", "--slow", "2", "--between", "x"],
            "one of flow, motion",
        ),
        (["{timeless}", "--out", "{out}", "--slow", "2"], "does not say how fast its frames are shown"),
        (["{countless}", "--out", "{out}", "--slow", "2"], "does not say how many frames there are"),
        (["{sequence}", "--out", "{out}", "--source-fps", "24", "--slow", "17"], "a number from 1 to 16"),
        (
            ["{sequence}", "--out", "{out}", "--source-fps", "24", "--upscale", "2", "--upscaler", "x"],
            "no upscaler 'x'",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    arguments: list[str],
    told: str,
    sequence: Path,
    shot: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"sequence": sequence, "shot": shot, "out": tmp_path / "out"}
    for name, pictures in (
        ("empty", {}),
        ("two", {"a1": 96, "b1": 96}),
        ("gap", {"1": 96, "3": 96}),
        ("sizes", {"1": 96, "2": 48}),
        ("far", {"1": 96, "9" * 200: 96}),
    ):
        folder = places[name] = tmp_path / name
        folder.mkdir()
        for stem, width in pictures.items():
            Image.fromarray(fixture("ink-hand")).resize((width, width * 9 // 16)).save(folder / f"{stem}.png")
    for name, frames, fps in (("timeless", 1, 0), ("countless", -1, 24)):
        folder = places[name] = tmp_path / name
        (folder / "frames").mkdir(parents=True)
        shutil.copy(sequence / "0001.png", folder / "frames")
        (folder / "shot.json").write_text(json.dumps({"request": {"frames": frames, "fps": fps}}))
    for name, record, begun in (
        ("deep", "[" * 100_000, ""),
        ("endless", '{"finished": {"frames": 1e999, "fps": 24}}', ""),
        ("fast", '{"finished": {"frames": 1, "fps": 1%s}}' % ("0" * 400), ""),
        ("listed", "{}", "[]"),
        ("many", '{"request": {"fps": 24}}', '{"request": {"frames": 999999999999}}'),
    ):
        folder = places[name] = tmp_path / name
        (folder / "frames").mkdir(parents=True)
        shutil.copy(sequence / "0001.png", folder / "frames")
        (folder / "shot.json").write_text(record)
        (folder / "checkpoint" / "takes" / "²").mkdir(parents=True)
        (folder / "checkpoint" / "takes" / "²" / "request.json").write_text("{}")
        if begun:
            (folder / "checkpoint" / "request.json").write_text(begun)
    places["torn"] = tmp_path / "torn"
    (places["torn"] / "checkpoint").mkdir(parents=True)
    (places["torn"] / "checkpoint" / "finish.json").write_text("[" * 100_000)
    before = sorted(sequence.rglob("*")) + sorted(shot.rglob("*"))
    try:
        code, said_so = said(capsys, *(argument.format(**places) for argument in arguments))
    except SystemExit as ended:
        code, said_so = int(str(ended.code)), capsys.readouterr().err
    assert code in {2, 3}
    assert told.replace("\u200b", "") in said_so
    assert sorted(sequence.rglob("*")) + sorted(shot.rglob("*")) == before
    assert not places["out"].exists(), "nothing is begun that cannot end"


def test_a_folders_name_moves_no_cursor(shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(shot, tmp_path / "a\x1b[2J\nb"))
    code, told = said(capsys, folder, "--out", folder, "--slow", "2")
    assert code == 2
    first, *others = told.splitlines()
    assert first.startswith("finishing take ")
    assert first.endswith(r"a\x1b[2J\x0ab")
    assert all(line.isprintable() for line in others)


def test_frames_are_enlarged_once_each(sequence: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    source = find_source(sequence, fps=24)
    plan = finish_plan(6, SIZE, source.fps, Finish(upscale="2", fps=60))
    finisher = Finisher(source.frames, plan, choose(Finish(upscale="2", fps=60), plan), torch.device("cpu"))
    enlarger, enlarged = finisher._enlarger, []
    assert enlarger is not None
    enlarge = enlarger.enlarge
    monkeypatch.setattr(enlarger, "enlarge", lambda picture: enlarged.append(1) or enlarge(picture))
    for frame in range(plan.frames):
        finisher.frame(frame)
    assert len(enlarged) == 6


def test_a_shot_that_is_not_finished_is_no_source(shot: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    shutil.copytree(shot / "checkpoint", begun / "checkpoint")
    with pytest.raises(EngineError, match="not finished"):
        find_source(begun)
