"""Boards along the shot, prompts along the shot, and the frames and files that come out."""

from __future__ import annotations

import json
import resource
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import Code, EngineError
from engine.events import Preview, Progress, Section, Started, Step
from engine.generation.job import prepare, run
from engine.generation.resolve import resolve
from engine.generation.shot_folder import ShotFolder
from engine.media.boards import open_board
from engine.media.movie import write_movie
from engine.models.folder import open_folder
from engine.protocol import Board, PromptAt, ShotRequest
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.conftest import MadeShot, MakeShot


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(3)
    paths = []
    for n in range(2):
        coarse = Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8))
        coarse.resize((64, 64), Image.Resampling.BICUBIC).save(tmp_path / f"{n}.png")
        paths.append(tmp_path / f"{n}.png")
    return paths


def board_latent(make_shot: MakeShot, picture: Path) -> torch.Tensor:
    return make_shot(1, boards={1: picture}, steps=1).latents[:, :, :1]


@pytest.mark.usefixtures("latents_only")
@pytest.mark.parametrize("order", ["inverted", "forward", "endpoint"])
def test_the_shot_passes_through_every_board(make_shot: MakeShot, pictures: list[Path], order: str) -> None:
    """What frame 50 is decoded from is the board's own latent, whatever the model does (its weights are random)."""
    middle, end = pictures
    shot = make_shot(100, boards={50: middle, 100: end}, order=order, steps=2)
    # Both stretches have two sections, 19 latents with their board's. Frame 100 is the 51st of the second one, from its
    # latent 13: going toward the board there, five come before frame 50 that nothing is shown of.
    assert shot.latents.shape[2] == 2 * 19
    held = range(19, 20) if order == "forward" else range(19, 25)
    wanted = board_latent(make_shot, middle)
    for latent in held:
        assert (shot.latents[:, :, latent : latent + 1] - wanted).abs().max() < 1e-4
    after = held.stop
    assert (shot.latents[:, :, after : after + 1] - wanted).abs().max() > 1e-2
    if order == "forward":
        assert (shot.latents[:, :, 32:33] - board_latent(make_shot, end)).abs().max() < 1e-4
    assert len(shot.frames) == 100
    started = next(event for event in shot.events if isinstance(event, Started))
    assert 50 in {plan.first for plan in started.sections}


@pytest.mark.parametrize("order", ["inverted", "forward", "endpoint"])
def test_nothing_of_an_earlier_picture_comes_after_a_board(
    make_shot: MakeShot, pictures: list[Path], order: str
) -> None:
    """With another picture at the start what follows the board at frame 50 stays the same, latents and frames."""
    middle, other = pictures
    shot, changed = (make_shot(90, boards={1: start, 50: middle}, order=order, steps=2) for start in (BOARD, other))
    assert not torch.equal(shot.latents[:, :, :19], changed.latents[:, :, :19])
    assert torch.equal(shot.latents[:, :, 19:], changed.latents[:, :, 19:])
    for ours, theirs in zip(shot.frames[49:], changed.frames[49:], strict=True):
        assert np.array_equal(iio.imread(ours), iio.imread(theirs))
    if order != "forward":  # the stretch before it ends on it
        elsewhere = make_shot(90, boards={50: other}, order=order, steps=2)
        assert not torch.equal(shot.latents[:, :, 1:19], elsewhere.latents[:, :, 1:19])


def test_a_shot_that_0_1_0_began_keeps_its_boards_within_sections(
    make_shot: MakeShot, pictures: list[Path], tmp_path: Path
) -> None:
    """Its folder says nothing of stretches: it goes on by the plan that it has sections of."""
    boards = {1: open_board(BOARD), 50: open_board(pictures[0])}
    by_hash = {picture.sha256: picture for picture in boards.values()}
    request = ShotRequest(
        str(TINY),
        "w5",
        tuple(Board(frame, each.sha256) for frame, each in boards.items()),
        frames=90,
        steps=2,
        width=64,
        height=64,
    )
    folder = tmp_path / "old"
    anew = prepare(request, by_hash, open_folder(TINY), "cpu", folder)
    assert len(anew.resolved.plan.stretches) == 2
    old = replace(anew, pinned=True, resolved=resolve(request, anew.spec, (64, 64), pinned=True))
    making = run(old, by_hash, resume=False)
    assert next(event for event in making if isinstance(event, Section)).section == 2
    making.close()
    again = prepare(request, by_hash, open_folder(TINY), "cpu", folder)
    assert again.resolved.plan == old.resolved.plan
    events = list(run(again, by_hash, resume=True))
    assert sorted(event.section for event in events if isinstance(event, Section)) == [0, 1, 2]
    latents = torch.cat([ShotFolder(folder).load_latents(number).latents for number in (2, 1, 0)], dim=2)
    wanted = board_latent(make_shot, pictures[0])
    assert (latents[:, :, 12:13] - wanted).abs().max() < 1e-4


@pytest.mark.usefixtures("latents_only")
def test_an_end_board_pulls_the_sections_before_it(make_shot: MakeShot, pictures: list[Path]) -> None:
    with_end, without = make_shot(73, boards={73: pictures[0]}), make_shot(73)
    assert not torch.equal(with_end.latents[:, :, 10:], without.latents[:, :, 10:])


@pytest.mark.usefixtures("latents_only")
def test_prompts_change_at_section_borders(make_shot: MakeShot) -> None:
    """Forward, so that earlier sections cannot know: the first is the same, the one after the border is another."""
    plain = make_shot(73, order="forward")
    changed = make_shot(73, order="forward", prompts=(PromptAt(40, "w700 w701"),))
    assert torch.equal(plain.latents[:, :, :10], changed.latents[:, :, :10])
    assert not torch.equal(plain.latents[:, :, 10:], changed.latents[:, :, 10:])
    started = next(event for event in changed.events if isinstance(event, Started))
    assert [(plan.first, plan.last, plan.prompt) for plan in started.sections] == [
        (1, 37, "w5 w2 w81"),
        (38, 73, "w700 w701"),
    ]


def test_events_tell_the_whole_story(make_shot: MakeShot) -> None:
    shot = make_shot(100, steps=2)
    names = [event.event for event in shot.events]
    assert names[0] == "progress"
    assert names.count("started") == names.count("finished") == 1
    assert names[-1] == "finished"
    steps = [(event.section, event.step) for event in shot.events if isinstance(event, Step)]
    assert steps == [(2, 1), (2, 2), (1, 1), (1, 2), (0, 1), (0, 2)]
    sections = [event for event in shot.events if isinstance(event, Section)]
    final = [name for event in sections for name in event.files]
    assert sorted(final) == [f"frames/{n:04d}.png" for n in range(1, 101)]
    assert len(set(final)) == 100
    # The far end is provisional until its neighbour is there: of its 33 frames, 77 to 109, the shot shows 24.
    assert [Path(name).name for name in sections[0].provisional] == [f"{n:04d}.png" for n in range(77, 101)]
    assert sections[-1].provisional == ()
    assert any(isinstance(event, Preview) for event in shot.events)


def test_provisional_frames_are_there_when_told(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    commit = ShotFolder.commit_seam

    def watch(self: ShotFolder, number: int, *waiting: dict[int, torch.Tensor]) -> None:
        commit(self, number, *waiting)
        seen.append(any(self.provisional.rglob("*.png")))

    monkeypatch.setattr(ShotFolder, "commit_seam", watch)
    make_shot(73)
    assert seen[0]


@pytest.mark.usefixtures("latents_only")
def test_memory_of_latents_stays_constant(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.framepack.history import History

    held: list[int] = []
    forget = History.forget

    def watch(self: History, planned: object) -> None:
        forget(self, planned)  # type: ignore[arg-type]
        held.append(len(self))

    monkeypatch.setattr(History, "forget", watch)
    make_shot(253, steps=1)
    assert max(held) <= 27
    assert held[-1] == 0


@pytest.mark.parametrize(
    ("fps", "frames", "native"), [(24.0, 48, 60), (30.0, 48, 48), (60.0, 48, 25), (23.976, 48, 60)]
)
def test_conform_keeps_length_and_speed(make_shot: MakeShot, fps: float, frames: int, native: int) -> None:
    shot = make_shot(frames, fps=fps, steps=1)
    assert len(shot.frames) == frames
    record = json.loads((shot.folder / "shot.json").read_text())
    assert record["plan"]["model_frames"] == native
    plain = make_shot(native, steps=1)
    for n in (0, 1, frames // 2, frames - 1):
        source = round(n * 30 / fps + 1e-9)
        assert np.array_equal(iio.imread(shot.frames[n]), iio.imread(plain.frames[source]))


@pytest.mark.usefixtures("latents_only")
def test_frame_for_frame_takes_every_frame(make_shot: MakeShot) -> None:
    shot = make_shot(40, fps=24.0, conform=False, steps=1)
    record = json.loads((shot.folder / "shot.json").read_text())
    assert (record["plan"]["model_frames"], record["request"]["fps"]) == (40, 24.0)


def probe(shot: MadeShot) -> dict[str, object]:
    return iio.immeta(shot.folder / "shot.mp4", plugin="pyav")


def blocks(frames: np.ndarray) -> np.ndarray:
    count, height, width, _ = frames.shape
    return frames.astype(float).reshape(count, height // 16, 16, width // 16, 16, 3).mean(axis=(2, 4))


def test_the_movie_plays_what_the_frames_show(make_shot: MakeShot) -> None:
    shot = make_shot(50, fps=25.0, steps=1, size=(96, 64))
    meta = probe(shot)
    assert meta["codec"] == "h264"
    assert meta["video_format"] == "yuv420p"
    assert meta["fps"] == 25.0
    movie = iio.imread(shot.folder / "shot.mp4", plugin="pyav")
    assert movie.shape == (50, 64, 96, 3)
    stills = np.stack([iio.imread(path) for path in shot.frames])
    # random weights give noise, which 4:2:0 smooths: colours are compared over blocks of 16 pixels
    assert np.abs(blocks(movie) - blocks(stills)).max() < 5
    # faststart: the index stands before the pictures, so that a player over a network need not read to the end
    data = (shot.folder / "shot.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_disk_that_fills_under_the_movie_leaves_none(make_shot: MakeShot, tmp_path: Path) -> None:
    shot = make_shot(50, steps=1)
    path = tmp_path / "movie.mp4"
    whole = (shot.folder / "shot.mp4").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (10, whole // 2, whole * 9 // 10):  # encoded again, a movie may come out a few bytes shorter
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            with pytest.raises(EngineError) as caught:
                write_movie(path, shot.frames, Fraction(30))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert caught.value.code is Code.DISK_FULL
        assert not list(tmp_path.glob("*.mp4*"))


def test_frames_and_record_say_what_made_them(make_shot: MakeShot) -> None:
    shot = make_shot(20, prompt="w5 — ünïcode", seed=11, steps=1)
    facts = json.loads(Image.open(shot.frames[3]).text["shotpack"])
    assert facts["prompt"] == "w5 — ünïcode"
    assert facts["seed"] == 11
    record = json.loads((shot.folder / "shot.json").read_text())
    assert record["request"]["seed"] == 11
    assert record["model"]["sha256"] == facts["model_sha256"]
    assert record["request"]["schedule"] == "f1k1_x_g9_f1k1f2k2f16k4_td"
    assert record["versions"]["torch"]
    assert len(record["plan"]["sections"]) == 1


@pytest.mark.usefixtures("latents_only")
def test_a_board_of_another_shape_is_cropped_to_the_size(make_shot: MakeShot, tmp_path: Path) -> None:
    wide = Image.new("RGB", (200, 50), "white")
    wide.paste("black", (0, 0, 60, 50))
    wide.save(tmp_path / "wide.png")
    square = Image.new("RGB", (50, 50), "white")
    square.save(tmp_path / "square.png")
    cropped = make_shot(1, boards={1: tmp_path / "wide.png"}, steps=1)
    white = make_shot(1, boards={1: tmp_path / "square.png"}, steps=1)
    assert torch.allclose(cropped.latents[:, :, :1], white.latents[:, :, :1], atol=1e-4)


@pytest.mark.usefixtures("latents_only")
def test_an_untrained_order_is_said(make_shot: MakeShot, tmp_path: Path) -> None:
    model = tmp_path / "forward-model"
    shutil.copytree(TINY, model)
    (model / "shotpack.json").write_text(json.dumps({"order": "forward", "steps": 1}))
    stages = [
        event.stage for event in make_shot(5, model=model, order="endpoint").events if isinstance(event, Progress)
    ]
    assert any("trained for forward order" in stage for stage in stages)
    shot = make_shot(5, model=model, steps=None)
    assert not any("trained" in event.stage for event in shot.events if isinstance(event, Progress))
    record = json.loads((shot.folder / "shot.json").read_text())
    assert (record["request"]["order"], record["request"]["steps"]) == ("forward", 1)
    (model / "shotpack.json").write_text(json.dumps({"order": "forward", "trained_orders": ["forward", "endpoint"]}))
    shot = make_shot(5, model=model, order="endpoint", steps=1)
    assert not any("trained" in event.stage for event in shot.events if isinstance(event, Progress))


def test_boards_too_near_each_other(make_shot: MakeShot) -> None:
    with pytest.raises(EngineError, match="too near"):
        make_shot(100, boards={50: BOARD, 51: BOARD})
