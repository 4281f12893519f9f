"""Shots with planned endpoints: made to the end, gone on with to the bit, continued as takes, and finished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from engine.client.remake import asked_by, said_by
from engine.errors import Code, EngineError
from engine.events import Finished, Section, Started, Step
from engine.generation import shot_folder
from engine.generation.finish_take import prepare_finish, run_finish
from engine.generation.job import disk_bytes, prepare
from engine.generation.shot_folder import ShotFolder
from engine.inference.base import NetworkFamily
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.media.boards import open_board
from engine.media.take_files import TakeFiles
from engine.models.folder import open_folder
from engine.protocol import Finish, PromptAt, SectionChange, ShotRequest, Take
from tests.engine.checkpoints import BOARD, TINY, make_packed
from tests.engine.making import Making

FRAMES, SECTIONS, WINDOW = 73, 6, 3
ENDPOINTS = (26, 50)
SEQUENCE = [0, 2, 4, 5, 1, 3]
WORDS = (PromptAt(26, "w9"), PromptAt(50, "w17 w3"))


@pytest.fixture(scope="module", autouse=True)
def _latents_are_shown() -> Iterator[None]:
    """Frames show the first channels of their latents: which sections meet in them is as by the decoder, that takes
    nearly all of a tiny shot's time (`test_resume.py` has it)."""

    def shown(_: object, latents: torch.Tensor) -> torch.Tensor:
        frames = latents[:, :3].repeat_interleave(4, dim=2)[:, :, 3:]
        return frames.repeat_interleave(8, dim=3).repeat_interleave(8, dim=4).clamp(-1, 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HunyuanFramePack, "decode", shown)
        patch.setattr(HunyuanFramePack, "decode_in_time", NetworkFamily.decode_in_time)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Making:
    """By the tiny checkpoint with a manifest that says what it was trained for."""
    model = tmp_path_factory.mktemp("models") / "trained"
    shutil.copytree(TINY, model)
    (model / "shotpack.json").write_text(json.dumps({"trained_orders": ["inverted", "endpoint"]}))
    return Making(open_folder(model), open_board(BOARD))


def request_of(making: Making, *endpoints: int, **more: Any) -> ShotRequest:
    usual = {"prompts": WORDS, "endpoints": endpoints or ENDPOINTS, "window": WINDOW, "width": 32, "height": 32}
    return replace(making.request("endpoint", FRAMES), **usual | {"model": str(making.model.path)} | more)


@pytest.fixture(scope="module")
def made_once(trained: Making, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "shot"
    trained.make(request_of(trained), folder)
    return folder


@pytest.fixture
def shot(made_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "shot"))


def pixels(folder: Path, take: int = 1) -> list[bytes]:
    files = TakeFiles(folder, take)
    return [Image.open(files.frame(frame)).tobytes() for frame in range(1, files.begun.frames + 1)]


def latents(folder: Path, take: int = 1) -> Mapping[int, torch.Tensor]:
    """By the section's place in time."""
    shot = ShotFolder(folder, take)
    return {section: load_file(shot.latents_file(number))["latents"] for number, section in enumerate(SEQUENCE)}


def is_equal(one: Mapping[int, torch.Tensor], other: Mapping[int, torch.Tensor]) -> set[int]:
    return {section for section in one if one[section].equal(other[section])}


def test_sections_are_made_first_where_it_was_asked_for(trained: Making, tmp_path: Path) -> None:
    events = trained.make(request_of(trained), tmp_path / "shot")
    started = next(event for event in events if isinstance(event, Started))
    assert (started.order, [each.section for each in started.sections]) == ("endpoint", SEQUENCE)
    words = {each.section: each.prompt for each in started.sections}
    assert words == {0: "w5 w2", 1: "w5 w2", 2: "w9", 3: "w9", 4: "w17 w3", 5: "w17 w3"}
    steps = [event for event in events if isinstance(event, Step)]
    assert list(dict.fromkeys(event.section for event in steps)) == SEQUENCE
    assert all(event.seconds_left is not None for event in steps)
    told = [event for event in events if isinstance(event, Section)]
    assert [(event.section, event.index, event.of) for event in told] == [
        (section, number, SECTIONS) for number, section in enumerate(SEQUENCE, 1)
    ]
    names = sorted(name for event in told for name in event.files)
    assert names == [f"frames/{frame:04d}.png" for frame in range(1, FRAMES + 1)], "each frame once"
    assert isinstance(events[-1], Finished)
    record = json.loads((tmp_path / "shot" / "shot.json").read_text())
    assert record["request"]["endpoints"] == list(ENDPOINTS)
    assert [section["section"] for section in record["plan"]["sections"]] == SEQUENCE


def test_the_disk_that_what_waits_takes_is_asked_for_before_anything_is_made(
    trained: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, pictures = request_of(trained), {trained.picture.sha256: trained.picture}
    job = prepare(request, pictures, trained.model, "cpu", tmp_path / "shot")
    needed, taken = disk_bytes(job.resolved), [0]
    written = shot_folder.save

    def counted(path: Path, *more: Any) -> None:
        written(path, *more)
        taken.append(sum(seam.stat().st_size for seam in path.parent.glob("seam-*.safetensors")))

    monkeypatch.setattr(shot_folder, "save", counted)
    trained.make(request, tmp_path / "shot")
    waits = needed - FRAMES * 32 * 32 * 2
    assert waits <= max(taken) < waits + 2000, "the files' headers beside it"
    usage = shutil.disk_usage(tmp_path)
    for free in (needed, needed - 1):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        if free == needed:
            prepare(request, pictures, trained.model, "cpu", tmp_path / "other")
        else:
            with pytest.raises(EngineError) as refused:
                prepare(request, pictures, trained.model, "cpu", tmp_path / "other")
            assert refused.value.code is Code.DISK_SHORT


def test_what_the_movie_says_makes_the_same_shot(trained: Making, shot: Path) -> None:
    said = said_by(shot / "shot.mp4")
    request = {name: value for name, value in said.shot["request"].items() if name not in ("schedule", "window")}
    asked = asked_by(shot / "shot.mp4", replace(said, shot={**said.shot, "request": request}))  # a window of its own
    assert (asked.order, asked.endpoints, asked.prompts) == ("endpoint", ENDPOINTS, WORDS)
    with pytest.raises(EngineError, match="makes no sense"):
        asked_by(shot, replace(said, shot={"request": request | {"endpoints": [FRAMES + 1]}}))


def test_the_last_section_alone_is_endpoint_order_as_ever(trained: Making, tmp_path: Path) -> None:
    trained.make(request_of(trained, FRAMES), tmp_path / "planned")
    plain = replace(request_of(trained), endpoints=())
    trained.make(plain, tmp_path / "plain")
    assert pixels(tmp_path / "planned") == pixels(tmp_path / "plain")


def test_each_endpoint_is_made_from_the_start_and_its_own_words_alone(
    trained: Making, shot: Path, tmp_path: Path
) -> None:
    other = replace(request_of(trained), prompts=(PromptAt(26, "w8"), WORDS[1]))
    trained.make(other, tmp_path / "other")
    assert is_equal(latents(shot), latents(tmp_path / "other")) == {0, 4, 5}


@pytest.mark.parametrize("told", [1, 3, 4])
def test_a_shot_goes_on_to_the_bit(told: int, trained: Making, made_once: Path, tmp_path: Path) -> None:
    request, out = request_of(trained), tmp_path / "shot"
    events = trained.events(request, out)
    for _ in range(told):
        next(event for event in events if isinstance(event, Section))
    events.close()
    if told % 2:  # what waits for a neighbour is decoded once more where it got lost
        for seam in (out / "checkpoint").glob("seam-*"):
            seam.unlink()
    trained.make(request, out, resume=True)
    assert is_equal(latents(out), latents(made_once)) == set(range(SECTIONS))
    assert pixels(out) == pixels(made_once)
    with pytest.raises(EngineError) as caught:
        trained.make(replace(request, endpoints=(26,)), out, resume=True)
    assert caught.value.code is Code.RESUME_MISMATCH


@pytest.mark.parametrize("case", ["hybrid", "compressed tail", "appended tail", "discrete"])
def test_so_does_one_that_sees_chosen_frames_or_a_tail(case: str, tmp_path: Path) -> None:
    schedules = {
        "hybrid": "td_f8k1h4w4f2k2f1k1_g3_x_f1k1",
        "compressed tail": "tc_f2k2f1k1_g3_x_f1k1",
        "appended tail": "ta_f2k2f1k1_g3_x_f1k1",
        "discrete": "tc_f2k2f1k1_g3_x_f1k1+D",
    }
    model = make_packed(
        tmp_path / "model",
        seed=3,
        codes=12,
        order="endpoint",
        schedules={"endpoint": "td_f2k2f1k1_g3_x_f1k1"},
        packing={"trained": ["time", "hybrid"]},
        tails=["td", "ta", "tc"],
    )
    making = Making(open_folder(model), open_board(BOARD))
    packing = "hybrid" if case == "hybrid" else "time"
    request = request_of(making, schedule=schedules[case], packing=packing)
    making.make(request, tmp_path / "whole")
    events = making.events(request, tmp_path / "stopped")
    for _ in range(5):
        next(event for event in events if isinstance(event, Section))
    events.close()
    making.make(request, tmp_path / "stopped", resume=True)
    assert is_equal(latents(tmp_path / "whole"), latents(tmp_path / "stopped")) == set(range(SECTIONS))
    plain = replace(request, endpoints=())
    making.make(plain, tmp_path / "plain")
    assert not is_equal(latents(tmp_path / "whole"), latents(tmp_path / "plain")) & {1, 3}, "else nothing was tried"


def test_a_section_that_is_made_again_sees_what_it_saw(trained: Making, shot: Path) -> None:
    for section, remade in ((3, [2, 3, 4]), (2, [2, 4]), (5, [4, 5, 6])):
        take = Take(section + 10, again=(section,))
        events = trained.make(replace(request_of(trained), take=take), shot)
        steps = {event.section for event in events if isinstance(event, Step)}
        assert section - 1 in steps
        record = json.loads((shot / "takes" / f"{section + 10}.json").read_text())
        assert record["remade"] == sorted(each + 1 for each in steps) == remade
        assert is_equal(latents(shot), latents(shot, section + 10)) == set(range(SECTIONS))
        assert pixels(shot, section + 10) == pixels(shot)


def test_a_take_equals_the_shot_made_at_once(trained: Making, shot: Path, tmp_path: Path) -> None:
    """Of the first planned endpoint with other words: the gaps on both its sides are filled anew."""
    changed = replace(request_of(trained), sections=(SectionChange(3, prompt="w30", seed=5),))
    events = trained.make(replace(changed, take=Take(2, again=(3,))), shot)
    assert {event.section for event in events if isinstance(event, Step)} == {2, 1, 3}
    trained.make(changed, tmp_path / "alone")
    assert is_equal(latents(shot, 2), latents(tmp_path / "alone")) == set(range(SECTIONS))
    assert pixels(shot, 2) == pixels(tmp_path / "alone")


def test_a_longer_one_is_refused(trained: Making, shot: Path) -> None:
    with pytest.raises(EngineError, match="its last section is made early, and others from it") as caught:
        trained.make(replace(request_of(trained), frames=FRAMES + 24, take=Take(2)), shot)
    assert caught.value.code is Code.TAKE_IMPOSSIBLE


def test_it_is_finished(trained: Making, shot: Path) -> None:
    request = replace(request_of(trained), take=Take(2), finish=Finish(fps=60.0, between="motion"))
    events = list(run_finish(prepare_finish(request, "cpu", shot), resume=False))
    assert isinstance(events[-1], Finished)
    assert events[-1].frames == 2 * FRAMES
