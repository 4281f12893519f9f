"""Shots of a model whose decoder looks back only: each latent is decoded once, and nothing is faded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image

from engine.errors import EngineError
from engine.events import Event, Section
from engine.generation.job import prepare, run
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.conftest import MadeShot, MakeShot

OVERLAP = 2
FRAMES = 101


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "causal"
    shutil.copytree(TINY, folder)
    say(folder, seam="causal", overlap=OVERLAP)
    return folder


def say(model: Path, **facts: object) -> None:
    path = model / "shotpack.json"
    said = json.loads(path.read_bytes()) if path.exists() else {}
    path.write_text(json.dumps(said | facts))


def pixels_of(shot: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted((shot / "frames").glob("*.png"))])


@pytest.fixture(scope="module")
def vae() -> AutoencoderKLHunyuanVideo:
    vae = AutoencoderKLHunyuanVideo.from_pretrained(TINY / "vae")
    vae.use_framewise_decoding = False
    return vae


def shown(vae: AutoencoderKLHunyuanVideo, latents: torch.Tensor) -> np.ndarray:
    """What diffusers' decoder shows of `latents` at once, as bytes (F, H, W, 3)."""
    with torch.inference_mode():
        pixels = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0][0]
    return ((pixels.permute(1, 2, 3, 0).clamp(-1, 1) + 1) * 127.5).round().byte().numpy()


# By order, each decode's first and last latent, and the latents that it shows for good: those before, behind nothing,
# wait for the section before.
DECODES = {
    "forward": [((0, 9), (0, 9)), ((8, 18), (10, 18)), ((17, 27), (19, 27))],
    "inverted": [((19, 27), (21, 27)), ((10, 20), (12, 20)), ((0, 11), (0, 11))],
    "endpoint": [((0, 9), (0, 9)), ((19, 27), (21, 27)), ((8, 20), (10, 20))],
}


@pytest.mark.parametrize("order", DECODES)
def test_each_frame_is_what_the_decoder_shows_behind_the_latents_before_it(
    order: str, causal: Path, vae: AutoencoderKLHunyuanVideo, make_shot: MakeShot
) -> None:
    shot = make_shot(FRAMES, model=causal, order=order)
    frames, compared = pixels_of(shot.folder), 0
    for (first, last), (shows, _) in DECODES[order]:
        clip = shown(vae, shot.latents[:, :, first : last + 1])
        for frame in range(4 * first, min(4 * last + 1, FRAMES)):
            if shows <= -(-frame // 4):
                difference = np.abs(clip[frame - 4 * first].astype(int) - frames[frame])
                assert difference.max() <= 1, (first, frame)
                compared += 1
    assert compared == FRAMES


def begin(model: Path, folder: Path, order: str) -> Iterator[Event]:
    board = open_board(BOARD)
    request = ShotRequest(
        str(model), "w5 w2 w81", (Board(1, board.sha256),), frames=FRAMES, width=64, height=64, steps=2, order=order
    )
    pictures = {board.sha256: board}
    return run(prepare(request, pictures, open_folder(model), "cpu", folder), pictures, resume=True)


@pytest.mark.parametrize("order", ["inverted", "endpoint"])
def test_stopped_at_any_section_it_goes_on_to_the_same_frames(order: str, causal: Path, tmp_path: Path) -> None:
    sections = [each for each in begin(causal, tmp_path / "whole", order) if isinstance(each, Section)]
    assert any(section.provisional for section in sections)
    for stop in range(1, 3):
        folder = tmp_path / f"stopped{stop}"
        with closing(begin(causal, folder, order)) as events:  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Section) and event.index == stop:
                    break
        list(begin(causal, folder, order))
        assert np.array_equal(pixels_of(folder), pixels_of(tmp_path / "whole"))
        assert not any((folder / "provisional").rglob("*.png"))


def test_a_shot_that_was_begun_with_faded_seams_goes_on_with_them(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY, model)
    list(begin(model, tmp_path / "faded", "forward"))
    with closing(begin(model, tmp_path / "begun", "forward")) as events:  # type: ignore[type-var]
        next(event for event in events if isinstance(event, Section))
    path = tmp_path / "begun" / "checkpoint" / "request.json"
    begun = json.loads(path.read_bytes())
    assert begun["model"].pop("seam") == "blend"  # earlier versions said nothing
    path.write_text(json.dumps(begun))
    say(model, seam="causal", overlap=OVERLAP)
    list(begin(model, tmp_path / "begun", "forward"))
    assert np.array_equal(pixels_of(tmp_path / "begun"), pixels_of(tmp_path / "faded"))


def test_a_shot_longer_is_the_one_asked_for_at_once(causal: Path, make_shot: MakeShot) -> None:
    short: MadeShot = make_shot(73, model=causal, order="forward")
    long: MadeShot = make_shot(FRAMES, model=causal, order="forward")
    assert np.array_equal(pixels_of(short.folder), pixels_of(long.folder)[:73])


@pytest.mark.parametrize(
    "facts",
    [
        {"seam": "causal"},
        {"overlap": 1},
        {"seam": "cut"},
        {"seam": "causal", "overlap": 0},
        {"head": 4},
        {"seam": "causal", "overlap": 1, "head": 0},
    ],
)
def test_what_a_folder_may_not_say(facts: dict[str, object], tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY, model)
    say(model, **facts)
    with pytest.raises(EngineError, match=r"shotpack\.json"):
        open_folder(model)
