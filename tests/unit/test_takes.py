"""What a take makes again, against the engine's plans; what it asks for; whose files show it."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.client.frame_files import FixedFolder, Source, bring
from engine.client.longer_shots import longer
from engine.client.session import Job
from engine.client.shot import RemoteFrame, Shot, remove_drafts
from engine.client.takes import (
    Change,
    boards_of,
    change_of,
    expected_plan,
    is_same,
    keep_number,
    made_again,
    names_of,
    newest,
    parent_of,
    plan_of,
    plan_text,
    remove_files,
    runs_of,
    seconds_for,
    section_at,
    take_request,
    telling_picture,
    usual_seed,
    value_of,
    without_take,
)
from engine.errors import EngineError
from engine.events import Section, SectionPlan, Started
from engine.framepack.continuation import continuation
from engine.framepack.packing import parse
from engine.framepack.plan import ShotPlan, plan_shot, plan_stretches
from engine.media.take_files import TakeFiles
from engine.protocol import ShotRequest
from engine.serialization import from_json
from tests.unit.test_continuation_plan import GRID, ORDERS, SCHEDULES
from tests.unit.test_shot_record import NOWHERE, make_home

REQUEST = {"name": "panel", "model": "a", "prompt": "pan left", "frames": 109, "fps": 30.0, "seed": 4}
PARENT = json.dumps({**REQUEST, "boards": [[1, "board.png"]]})
ABOUT = {
    "models": ["a"],
    "details": {
        "a": {
            "native_fps": 30,
            "first_frames": 1,
            "section_frames": 36,
            "latent_frames": 4,
            "orders": ["inverted"],
            "steps": 8,
        },
    },
    "speeds": [
        {
            "model": "a",
            "device": "cpu",
            "width": 64,
            "height": 64,
            "steps": 8,
            "speed": "exact",
            "section_seconds": 20.0,
        }
    ],
}


def told(plan: ShotPlan) -> Started:
    """The plan as the engine tells it, of a shot at the model's own rate."""
    frame, begins = 1, {}
    for stretch in plan.stretches:
        begins[stretch.sections.start] = frame
        frame += stretch.frames
    sections = []
    for made in plan.made:
        stretch = next(each for each in plan.stretches if made.section in each.sections)
        first = begins[stretch.sections.start] + max(0, made.adds.start - stretch.made.start)
        last = begins[stretch.sections.start] + min(made.adds.stop - stretch.made.start, stretch.frames) - 1
        sections.append(SectionPlan(made.section, first, last, ""))
    return Started(plan.order, tuple(sections), frame - 1, 64, 64, 30.0, 8, 0)


def really_made_again(plan: ShotPlan, section: int) -> list[int]:
    settings = set(range(plan.sections)) - {section - 1}
    kept = continuation(plan, plan, settings=settings, pictures={*plan.boards, *plan.lead.latents})
    return [each + 1 for each in range(plan.sections) if each not in kept.sections]


@given(ORDERS, st.integers(1, 400), st.booleans())
def test_the_sections_that_are_made_again_are_the_engines(order: str, frames: int, end: bool) -> None:
    boards = (0, frames - 1) if end and frames > 40 else (0,)
    plan = plan_shot(frames, grid=GRID, schedule=parse(SCHEDULES[order]), boards=boards)
    for section in range(1, plan.sections + 1):
        assert made_again(told(plan), section, [board + 1 for board in boards]) == really_made_again(plan, section)


@given(ORDERS, st.lists(st.integers(4, 200), min_size=2, max_size=4), st.booleans())
def test_and_those_of_one_stretch(order: str, lengths: list[int], end: bool) -> None:
    plan = plan_stretches(lengths, grid=GRID, schedule=parse(SCHEDULES[order]), end=end)
    boards = [1 + sum(lengths[:place]) for place in range(len(lengths))] + ([sum(lengths)] if end else [])
    for section in range(1, plan.sections + 1):
        said, really = made_again(told(plan), section, boards), really_made_again(plan, section)
        stretch = next(each.sections for each in plan.stretches if section - 1 in each.sections)
        if order == "endpoint" and section - 1 == stretch.start:  # its last one may be kept
            assert set(really) <= set(said) <= {*really, stretch.stop}
        else:
            assert said == really


@pytest.mark.parametrize("order", sorted(SCHEDULES))
@pytest.mark.parametrize("frames", [1, 37, 38, 109, 145, 240])
def test_a_plan_that_was_not_kept_is_the_engines(order: str, frames: int) -> None:
    plan = told(plan_shot(frames, grid=GRID, schedule=parse(SCHEDULES[order])))
    request = json.dumps({**REQUEST, "frames": frames, "order": order, "boards": [[1, "a.png"]]})
    found = expected_plan(request, ABOUT, (64, 64))
    assert found is not None
    assert [(each.section, each.first, each.last) for each in found.sections] == [
        (each.section, each.first, each.last) for each in plan.sections
    ]


def test_of_a_shot_through_boards_and_of_an_unknown_model_nothing_is_guessed() -> None:
    through = json.dumps({**REQUEST, "boards": [[1, "a.png"], [50, "b.png"]]})
    assert expected_plan(through, ABOUT, (64, 64)) is None
    assert expected_plan(PARENT, {}, (64, 64)) is None
    assert expected_plan("nonsense", ABOUT, (64, 64)) is None


def test_what_is_said_beforehand() -> None:
    plan = expected_plan(PARENT, ABOUT, (64, 64))
    assert plan is not None
    assert plan_of(plan_text(plan)) == plan
    assert plan_of("[]") is None
    assert [section_at(plan, frame) for frame in (-5, 1, 37, 38, 109, 400)] == [1, 1, 1, 2, 3, 3]
    assert seconds_for(plan, 2, PARENT, ABOUT) == 40.0
    assert seconds_for(plan, 2, PARENT, {**ABOUT, "speeds": []}) is None


def test_a_takes_request_is_the_shots_but_for_what_differs() -> None:
    whole = take_request(PARENT, Change(seed=9, prompt="pan right"), number=2, job="0" * 16, parent_number=1)
    asked = json.loads(whole)
    assert asked == json.loads(PARENT) | {
        "seed": 9, "prompt": "pan right", "take": {"number": 2, "job": "0" * 16, "parent": 1}
    }  # fmt: skip
    section = take_request(whole, Change(3, seed=5), number=3, job="1" * 16, parent_number=2)
    again = take_request(section, Change(3, guidance=4.0), number=4, job="2" * 16, parent_number=3)
    asked = json.loads(again)
    assert asked["sections"] == [{"section": 3, "seed": 5, "guidance": 4.0}]
    assert asked["take"] == {"number": 4, "job": "2" * 16, "parent": 3, "again": [3]}
    # Another seed is that of every section, and what a section has for itself besides stays.
    all_anew = json.loads(take_request(again, Change(seed=1), number=5, job="3" * 16, parent_number=4))
    assert all_anew["sections"] == [{"section": 3, "guidance": 4.0}]
    for each in (whole, section, again):
        sent = json.loads(each)
        sent = {**sent, "boards": [{"frame": 1, "image": "a" * 64}]}
        sent.pop("name")
        assert isinstance(from_json(ShotRequest, sent), ShotRequest)
    assert change_of(again) == Change(3, 5, None, 4.0)
    assert is_same(again, Change(3, seed=5))
    assert is_same(PARENT, Change(seed=4))
    assert not is_same(PARENT, Change(3, seed=4))  # noise of its own is not that which the shot's gives it
    assert not is_same(PARENT, Change(seed=4, prompt="pan right"))
    assert (change_of(PARENT), change_of("{")) == (None, None)
    assert (parent_of(again), parent_of(PARENT)) == (3, 0)
    assert "take" not in json.loads(without_take(again, "other"))
    finished = json.dumps(json.loads(section) | {"finish": {"upscale": "2"}})
    assert "finish" not in json.loads(without_take(finished)), "what a model makes anew is of its own size"
    anew = take_request(finished, Change(3, guidance=4.0), number=4, job="2" * 16, parent_number=3)
    assert anew == again, "its parent is the finished one: the engine continues what that was made of"
    assert [usual_seed(PARENT, number) for number in (2, 3)] == [5, 6]


@given(st.lists(st.sampled_from([1, 2, 3, 12, 120]), min_size=1, max_size=60))
def test_whose_file_shows_a_frame(marks: list[int]) -> None:
    names = [
        TakeFiles(Path("shot"), mark, len(marks))
        .root.joinpath(f"{frame:04d}{TakeFiles(Path('shot'), mark).mark}.png")
        .name
        for frame, mark in enumerate(marks, 1)
    ]
    assert names_of(runs_of(names), len(names)) == names
    assert telling_picture(runs_of(names), 2, len(names)) in names


@pytest.mark.parametrize("runs", ["1-4:1 6-9:1", "2-9:1", "1-9:0", "1-9:1 x", "../../a", "9-1:1", "1-8:1"])
def test_what_a_file_says_of_files_is_read_with_care(runs: str) -> None:
    assert names_of(runs, 9) == []


def test_no_file_has_more_names_than_a_shot_can_have() -> None:
    assert names_of("1-999999999:1", 2**31 - 1) == []


def test_names_of_four_digits_in_a_shot_of_five_are_not_taken_for_others() -> None:
    names = [f"{frame:04d}.png" for frame in range(1, 9991)] + [f"{frame:05d}-t02.png" for frame in range(9991, 10081)]
    assert runs_of(names) == ""


def test_a_take_of_a_seed_on_trial_is_made_to_its_end() -> None:
    trial = json.dumps({**json.loads(PARENT), "stop_after": 1})
    take = take_request(trial, Change(seed=9), number=2, job="0" * 16, parent_number=1)
    assert "stop_after" not in json.loads(take)
    assert "stop_after" not in json.loads(without_take(trial))


@pytest.mark.parametrize("name", ["seed", "prompt", "guidance", "model", "speed", "frames", "fps", "boards", "sections",
                                  "take", "order", "steps", "width", "prompts", "conform", "endpoints"])  # fmt: skip
@pytest.mark.parametrize(
    "value", ["1e999", "NaN", "1e-300", "1000000000000", "-5", '"x"', '"\\ud800"', "[[1e999, 2]]", "[1]", "{}", "true"]
)
def test_a_request_in_a_file_may_say_anything(name: str, value: str) -> None:
    """What panels ask of it at every drawing."""
    whole = take_request(PARENT, Change(2, seed=5), number=3, job="0" * 16, parent_number=1)
    request = json.dumps({**json.loads(whole), name: "HERE"}).replace('"HERE"', value)
    change, plan = change_of(request), expected_plan(request, ABOUT, (64, 64))
    for section in (None, 2):
        said = value_of(request, section, "guidance"), value_of(request, section, "prompt")
        assert isinstance(said[0], float | None)
        (said[1] or "").encode()
        hash(value_of(request, section, "model"))
    if change is not None:
        f"{change.guidance or 0:g} {change.prompt or ''}".encode()
    if plan is not None:
        assert plan.frames <= 36_000
        section_at(plan, 5)
    assert 0 <= usual_seed(request, 2) < 2**31
    made_again(plan or plan_of(plan_text(told(plan_shot(109, grid=GRID, schedule=parse(SCHEDULES["forward"]))))), 1,
               boards_of(request))  # fmt: skip
    with contextlib.suppress(EngineError):
        longer(request, "longer", 300, "0" * 16, ABOUT)
    with contextlib.suppress(EngineError):
        take_request(request, Change(seed=1), number=4, job="0" * 16, parent_number=3)


@pytest.mark.parametrize("name", ["frames", "fps", "sections", "order", "width", "steps"])
@pytest.mark.parametrize("value", ["1e999", "99999999999999", "-7", "[]", '[{"section": 9, "first": 1, "last": 2}]'])
def test_a_plan_in_a_file_may_say_anything(name: str, value: str) -> None:
    plan = json.loads(plan_text(told(plan_shot(109, grid=GRID, schedule=parse(SCHEDULES["forward"])))))
    found = plan_of(json.dumps({**plan, name: "HERE"}).replace('"HERE"', value))
    assert found is None or (found.frames <= 36_000 and len(found.sections) == 3)


def test_a_number_is_used_once(tmp_path: Path) -> None:
    (tmp_path / "0041-t02.png").touch()
    found: list[int] = []
    hands = [threading.Thread(target=lambda: found.append(keep_number(tmp_path, [], {}))) for _ in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert sorted(found) == list(range(3, 11))
    assert keep_number(tmp_path, [40], {}) == 41


def test_a_take_goes_with_its_own_files_alone(tmp_path: Path) -> None:
    for name in ("0001.png", "0001-t02.png", "0002-t02-draft0001.png", "0001-t22.png", "take-02.json", "board.png"):
        (tmp_path / name).touch()
    assert remove_files(tmp_path, 2) == []
    assert {path.name for path in tmp_path.iterdir()} == {"0001.png", "0001-t22.png", "take-02.json", "board.png"}
    assert remove_files(tmp_path, 1) == []
    assert (tmp_path / "0001.png").exists()
    assert newest(tmp_path, []) == 22  # and no later take is number 2


def test_one_takes_drafts_are_no_others(tmp_path: Path) -> None:
    for name in ("0001-draft0001.png", "0001-t02-draft0001.png", "0001-t03-draft0001.png"):
        (tmp_path / name).touch()
    remove_drafts(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"0001-draft0001.png", "0001-t03-draft0001.png"}
    remove_drafts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"0001-t03-draft0001.png"}


def test_a_take_is_told_its_files_and_takes_no_other_for_them() -> None:
    shot = Shot("id", "panel", Path("shots/panel"), 2, job="job", take=2)
    plan = (SectionPlan(0, 1, 2, ""),)
    files = ("frames/0001.png", "frames/0002-t02.png")
    job = Job("job", "finished", plan=Started("inverted", plan, 2, 64, 64, 30.0, 4, 0))
    assert shot.missing(job) == []  # the engine has not named them yet
    job.sections[0] = Section(0, 1, 1, 1, 2, files, ())
    assert [found.name for found in shot.missing(job)] == ["0001.png", "0002-t02.png"]


def test_nothing_comes_to_what_was_removed(tmp_path: Path) -> None:
    source, wanted = Source(NOWHERE, make_home(tmp_path)), RemoteFrame(1, "frames/0001.png", "0001.png")
    to = FixedFolder(tmp_path / "shots")
    to.gone = True
    bring(source, "job", wanted, to)
    assert not to.folder.exists()
    to.gone = False
    bring(source, "job", wanted, to)
    assert (to.folder / "0001.png").exists()
