"""A shot that arrives at a picture after it: its last frames are decoded between what is made and that picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image

from engine.errors import Code, EngineError
from engine.events import Section
from tests.engine.checkpoints import BOARD, TINY
from tests.engine.conftest import MakeShot


@pytest.fixture
def after(tmp_path: Path) -> Path:
    random = np.random.default_rng(4)
    coarse = Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8))
    coarse.resize((64, 64), Image.Resampling.BICUBIC).save(tmp_path / "after.png")
    return tmp_path / "after.png"


def decoded(latents: torch.Tensor) -> np.ndarray:
    """Latents as frames (F, H, W, 3), by diffusers' own decoder."""
    vae = AutoencoderKLHunyuanVideo.from_pretrained(TINY / "vae")
    with torch.inference_mode():
        pixels = vae.decode(latents / vae.config.scaling_factor).sample
    return ((pixels[0].permute(1, 2, 3, 0).clamp(-1, 1) + 1) * 127.5).numpy()


@pytest.mark.parametrize(("order", "made"), [("inverted", [1, 0]), ("endpoint", [0, 1])])
def test_the_last_frames_lie_between_what_is_made_and_the_board(
    make_shot: MakeShot, after: Path, order: str, made: list[int]
) -> None:
    """A gap of 60: two sections, whose 75 frames are shown in 60; the board behind them is the 19th latent."""
    shot = make_shot(61, boards={62: after}, order=order, steps=2)
    assert [event.section for event in shot.events if isinstance(event, Section)] == made
    frames = [np.asarray(Image.open(path), np.float32) for path in shot.frames]
    assert len(frames) == 61
    board = make_shot(1, boards={1: after}, steps=1).latents[:, :, :1]
    clip = decoded(torch.cat([shot.latents[:, :, 10:19], board], dim=2))
    # Of the clip's 37 frames the last is the board's own, which is not shown; 75 made frames are 60 steps of the shot.
    for frame, made_frame in ((60, 75), (59, 74), (58, 73)):
        assert np.abs(frames[frame] - clip[made_frame - 40]).max() <= 1.0
    other = make_shot(61, boards={62: BOARD}, order=order, steps=2)
    assert not torch.equal(other.latents[:, :, 10:19], shot.latents[:, :, 10:19])


def test_going_forward_it_is_refused(make_shot: MakeShot, after: Path) -> None:
    with pytest.raises(EngineError) as caught:
        make_shot(20, boards={21: after}, order="forward")
    assert caught.value.code is Code.BOARD_INVALID
