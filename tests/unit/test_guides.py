"""Which of a guide's pictures leads which latent, and how a folder of them is read."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.client.guide_frames import guide_frames
from engine.errors import Code, EngineError
from engine.generation.guides import nearest_pictures
from engine.generation.resolve import ResolvedRequest, resolve
from engine.inference.helios.spec import HELIOS_DISTILLED
from engine.inference.hunyuan.spec import RELEASED
from engine.media.boards import open_board
from engine.media.guide_files import read_guide, require_same_size
from engine.models.guide_use import GuidePictures, GuideUse
from engine.models.manifest import FactsError, parse_facts
from engine.models.spec import ModelSpec
from engine.protocol import Board, Condition, ConditionFrame, ShotRequest, Start

SPEC = replace(RELEASED, conditions=("guide",))


def spec_with(use: GuideUse) -> ModelSpec:
    return replace(SPEC, guide=use)


LATENT, EVERY = (spec_with(GuideUse(pictures)) for pictures in GuidePictures)


def resolved(
    at: list[float], spec: ModelSpec, frames: int = 73, boards: tuple[int, ...] = (1,), **more: object
) -> ResolvedRequest:
    guide = Condition("guide", tuple(ConditionFrame(frame, f"{frame:g}") for frame in at))
    placed = tuple(Board(frame, f"board {frame}") for frame in boards)
    request = ShotRequest("model", "", placed, frames=frames, conditions=(guide,), **more)  # type: ignore[arg-type]
    return resolve(request, spec, (256, 144))


def led(shot: ResolvedRequest) -> dict[int, list[str]]:
    (guide,) = shot.guides
    return {latent: [held.image for held in pictures] for latent, pictures in guide.latents.items()}


def test_one_picture_a_latent_is_the_one_it_ends_on() -> None:
    """Frame 5 of a shot at the model's own rate is native frame 4, the last that latent 1 shows."""
    assert led(resolved([5, 9, 13], LATENT)) == {1: ["5"], 2: ["9"], 3: ["13"]}


def test_the_nearest_picture_counts_and_the_later_of_two() -> None:
    assert led(resolved([4, 5.5, 6], LATENT)) == {1: ["5.5"]}
    assert led(resolved([4, 6], LATENT)) == {1: ["6"]}


def test_a_picture_that_is_nearer_to_the_board_leads_nothing() -> None:
    """Boards win over guides at their frame."""
    assert led(resolved([1, 2], LATENT)) == {}
    assert led(resolved([1, 1.4], EVERY)) == {}


def test_every_frame_of_a_latent_has_a_picture_the_nearest_that_it_has() -> None:
    assert led(resolved([2, 3, 4, 5, 8], EVERY)) == {1: ["2", "3", "4", "5"], 2: ["8"] * 4}


@pytest.mark.parametrize(("fps", "latent"), [(30.0, 1), (24.0, 1), (60.0, 1), (15.0, 2)])
def test_time_is_the_model_s_own(fps: float, latent: int) -> None:
    """(frame - 1) x native / fps: at 15 frames a second frame 5 is native frame 8, and at 24 frame 5 is frame 5."""
    at = {30.0: 5.0, 24.0: 4.2, 60.0: 9.0, 15.0: 5.0}[fps]
    assert list(led(resolved([at], LATENT, fps=fps))) == [latent]
    assert list(led(resolved([at], LATENT, fps=fps, conform=False))) == [round((at - 1) / 4)]


def test_each_stretch_has_its_own_clock() -> None:
    """Behind a board within the shot, time counts from that board, whatever surplus lies before it."""
    shot = resolved([5, 54], LATENT, frames=100, boards=(1, 50), order="forward")
    second = shot.plan.stretches[1].latents
    assert led(shot) == {1: ["5"], second.start + 1: ["54"]}


def test_a_guide_after_the_last_section_or_none_at_all() -> None:
    assert led(resolved([73], LATENT)) == {18: ["73"]}
    request = ShotRequest("model", "", (Board(1, "a"),), frames=73)
    assert resolve(request, SPEC, (256, 144)).guides == ()


def test_the_manifest_s_guidance_holds_for_guided_shots_that_say_none() -> None:
    spec = spec_with(GuideUse(guidance=3.0))
    assert resolved([5], spec).request.guidance == 3.0
    assert resolved([5], spec, guidance=7.0).request.guidance == 7.0
    assert resolve(ShotRequest("model", "", (Board(1, "a"),), frames=9), spec, (256, 144)).request.guidance == 10.0


HELIOS = replace(HELIOS_DISTILLED, conditions=("guide",), starts=(Start.BOARD, Start.TEXT))


def helios_shot(
    at: list[float], boards: tuple[int, ...] = (), frames: int = 73, spec: ModelSpec = HELIOS
) -> ResolvedRequest:
    return resolved(at, spec, frames, boards, width=128, height=64)


def test_sections_that_are_cut_are_clips_of_their_own() -> None:
    """Section s shows the native frames 33s .. 33s + 32: its first latent one frame, every other one four."""
    shot = helios_shot([float(frame) for frame in range(1, 67)], frames=66)
    pictures = led(shot)
    assert list(pictures) == list(range(1, 19))
    for section in range(2):
        clip = [picture for latent in range(9 * section + 1, 9 * section + 10) for picture in pictures[latent]]
        assert clip == [f"{frame + 1}" for frame in range(33 * section, 33 * section + 33)]
        assert [len(pictures[9 * section + 1 + place]) for place in range(9)] == [1, *[4] * 8]


def test_the_board_is_the_first_picture_where_the_model_makes_it() -> None:
    """Nobody sends a picture for the board's own frame; one that is sent gives way."""
    shot = helios_shot([2, 3], (1,))
    assert (led(shot), shot.guides[0].board) == ({1: ["board 1"], 2: ["2", "3", "3", "3"]}, 1)
    assert led(helios_shot([1, 2], (1,))) == {1: ["board 1"], 2: ["2"] * 4}
    late = helios_shot([60], (1,))
    assert (list(led(late)), late.guides[0].board) == ([17], None)
    alone = helios_shot([1])
    assert (led(alone), alone.guides[0].board) == ({1: ["1"]}, None)


def test_one_picture_a_latent_where_sections_are_cut() -> None:
    """Latents end on the native frames 0, 4, .. 32, 33, 37 ..: where two are as near, the later one counts."""
    spec = replace(HELIOS, guide=replace(HELIOS.guide, pictures=GuidePictures.LATENT))
    shot = helios_shot([1, 4, 5, 33.4, 34.5, 36], spec=spec)
    assert led(shot) == {1: ["1"], 2: ["5"], 9: ["33.4"], 10: ["34.5"], 11: ["36"]}


@pytest.mark.parametrize(
    ("guides", "said"),
    [
        ([0.5], "this model sees what it shows or does not, at no strength between; leave its strength at 1"),
        ([1.0, 1.0], "this model follows one at a time; put all pictures in one"),
    ],
)
def test_what_history_cannot_be_is_refused(guides: list[float], said: str) -> None:
    conditions = tuple(Condition("guide", (ConditionFrame(5, "a"),), strength) for strength in guides)
    request = ShotRequest("model", "", (Board(1, "a"),), frames=33, conditions=conditions)
    with pytest.raises(EngineError, match=said) as caught:
        resolve(request, HELIOS, (64, 64))
    assert caught.value.code is Code.GUIDE_INVALID
    assert resolve(request, replace(SPEC, guide=GuideUse()), (64, 64)).guides


@settings(max_examples=60, deadline=None)
@given(
    at=st.lists(st.floats(1, 140).map(lambda frame: round(frame, 2)), min_size=1, max_size=40, unique=True),
    boards=st.sampled_from([(1,), (1, 70), (1, 140), (1, 50, 100)]),
    fps=st.sampled_from([24.0, 25.0, 30.0, 59.94]),
    order=st.sampled_from(["inverted", "forward", "endpoint"]),
    pictures=st.sampled_from(GuidePictures),
)
def test_no_board_is_led_and_every_picture_is_near_its_latent(
    at: list[float], boards: tuple[int, ...], fps: float, order: str, pictures: GuidePictures
) -> None:
    shot = resolved(at, spec_with(GuideUse(pictures)), 140, boards, fps=fps, order=order)
    (guide,) = shot.guides
    made = {latent for planned in shot.plan.made for latent in planned.own}
    assert guide.latents.keys() <= made - set(shot.plan.boards)
    assert list(guide.latents) == sorted(guide.latents)
    wanted = 1 if pictures is GuidePictures.LATENT else 4
    for latent, held in guide.latents.items():
        assert len(held) == wanted
        for each in held:
            away = 4 * latent - shot.shown.made_at(Fraction(each.frame).limit_denominator(10_000) - 1)
            assert Fraction(-2) <= away <= (2 if pictures is GuidePictures.LATENT else Fraction(7, 2))


@given(
    frames=st.integers(2, 200),
    fps=st.sampled_from([12.0, 15.0, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0, 120.0]),
    pictures=st.sampled_from(GuidePictures),
    conform=st.booleans(),
)
def test_what_a_move_is_asked_for_is_taken(frames: int, fps: float, pictures: GuidePictures, conform: bool) -> None:
    """Its last picture may lie past the shot's end; one that nothing of the shot is made with is refused."""
    details = {"guide_frames": 4 if pictures is GuidePictures.LATENT else 1, "native_fps": SPEC.native_fps}
    wanted = guide_frames(details, frames, fps, conform=conform, past_end=True)
    spec = spec_with(GuideUse(pictures))
    if wanted:
        assert resolved(wanted, spec, frames, fps=fps, conform=conform).guides
    with pytest.raises(EngineError, match=f"a frame of the guide is .*; use 1 to {frames}"):
        resolved([frames + 4 * (fps / 30 if conform else 1) + 0.01], spec, frames, fps=fps, conform=conform)


@pytest.mark.parametrize("fps", [15.0, 24.0, 30.0])
def test_a_shot_that_arrives_is_led_by_the_clock_that_its_frames_have(fps: float) -> None:
    """It passes otherwise than the model's own, so that the shot is there by the picture that comes after it."""
    shot = resolved([float(frame) for frame in range(2, 61)], EVERY, 60, (1, 61), fps=fps, order="inverted")
    assert shot.shown.last is not None
    nearest = nearest_pictures(shot.request.conditions[0], shot.plan, shot.shown, GuidePictures.EVERY)
    shown = {frame: nearest[made].frame for frame in range(1, 60) if (made := shot.shown.made_of(frame)) in nearest}
    assert len(shown) > 40
    assert all(picture == frame + 1 for frame, picture in shown.items())


def picture(folder: Path, name: str, size: tuple[int, int] = (32, 32)) -> None:
    Image.new("RGB", size, (200, 10, 10)).save(folder / name)


def test_a_folder_is_read_by_its_names(tmp_path: Path) -> None:
    for name in ("0005.00.png", "0005.00-seen.png", "0009.png", "12.5.PNG", "board.png", "notes-seen.png"):
        picture(tmp_path, name)
    (tmp_path / "camera.json").write_text("{}")
    found = read_guide(tmp_path, 1200)
    assert [(each.frame, each.seen is not None) for each in found] == [(5.0, True), (9.0, False), (12.5, False)]


def test_more_pictures_than_a_request_takes(tmp_path: Path) -> None:
    for frame in (5, 9, 13):
        picture(tmp_path, f"{frame}.png")
    with pytest.raises(EngineError, match="it has 3 pictures; leave at most 2, such as one for every fourth frame"):
        read_guide(tmp_path, 2)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "it has no picture; name them by the shot's frame"),
        (("0005.png", "5.00.png"), "0005.png and 5.00.png are for the same frame; remove one"),
        (("0005-seen.png", "0009.png"), "0005-seen.png is a mask without a picture; add the picture"),
    ],
)
def test_what_a_folder_cannot_be_is_said(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    for name in names:
        picture(tmp_path, name)
    with pytest.raises(EngineError, match=said) as caught:
        read_guide(tmp_path, 1200)
    assert (caught.value.code, caught.value.exit_code) == (Code.GUIDE_INVALID, 2)


def test_no_folder_and_a_mask_of_another_size(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="there is no such folder; name the folder"):
        read_guide(tmp_path / "none", 1200)
    picture(tmp_path, "5.png")
    picture(tmp_path, "5-seen.png", (32, 48))
    (only,) = read_guide(tmp_path, 1200)
    assert only.seen is not None
    with pytest.raises(EngineError, match="at frame 5 the mask is 32x48 pixels and the picture 32x32; make both"):
        require_same_size(only.image, only.seen, only.frame)
    assert open_board(tmp_path / "5.png").sha256 == only.image.sha256


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"guide": {"seen": 2}}', "'guide''s seen must be a number from 0 to 1"),
        ('{"guide": {"pictures": "some"}}', "pictures must be one of latent, every"),
        (
            '{"guide": {"more": 1}}',
            "some of 'alone', 'context', 'guidance', 'hidden', 'noise', 'pictures', 'seen', 'shift'",
        ),
        ('{"guide": {"noise": [0.2, 0.1]}}', r"noise must be \[least, most\] of noise, each from 0 to 1"),
        ('{"guide": {"noise": 0.1}}', r"noise must be \[least, most\]"),
    ],
)
def test_a_manifest_s_guide_is_checked(text: str, said: str) -> None:
    with pytest.raises(FactsError, match=said):
        parse_facts(text)


def test_a_manifest_says_how_its_guide_is_used() -> None:
    """What it says not is as the family has it, and what the family does not know is refused."""
    facts = parse_facts('{"guide": {"pictures": "latent", "seen": 0.5, "hidden": 1, "guidance": 3, "context": 0.5}}')
    assert facts.guide is not None
    assert GuideUse().told(facts.guide) == GuideUse(GuidePictures.LATENT, 0.5, 1.0, 3.0, context=0.5)
    history = HELIOS_DISTILLED.guide
    facts = parse_facts('{"guide": {"noise": [0.05, 0.1]}}')
    assert facts.guide is not None
    assert history.told(facts.guide) == GuideUse(seen=0.1, noise=(0.05, 0.1))
    with pytest.raises(ValueError, match="guide's noise means nothing"):
        GuideUse().told({"noise": (0.1, 0.2)})
    with pytest.raises(ValueError, match="guide's hidden means nothing"):
        history.told({"hidden": 0.5})
    with pytest.raises(ValueError, match="guide's context means nothing"):
        history.told({"context": 0.5})
