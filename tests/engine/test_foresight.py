"""How well a model foresees in one look: Sketch's own weights on a few small clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import HunyuanVideoFramepackPipeline

from engine.inference.hunyuan.spec import RELEASED
from engine.models.catalog import find_model
from training.evaluation.foresight import as_new, foresight
from training.evaluation.trials import SIZE
from training.latent_bank import ClipLatents, StillEncoder
from training.scenes.clips import random_clip
from training.scenes.moves import Motion, Move, Speed


@pytest.fixture(scope="module")
def sketch() -> HunyuanVideoFramepackPipeline:
    return HunyuanVideoFramepackPipeline.from_pretrained(find_model("sketch").path, torch_dtype=torch.float32)


@pytest.fixture(scope="module")
def clips(sketch: HunyuanVideoFramepackPipeline) -> list[ClipLatents]:
    encoder, side = StillEncoder(sketch.vae.eval()), sketch.image_encoder.config.image_size
    drawn = [
        random_clip(np.random.default_rng([5, number]), SIZE, 1, Motion(move))
        for number, move in enumerate((Move.PAN_LEFT, Move.TILT_UP))
    ]
    return [
        ClipLatents(*encoder.encode(clip, side), clip.motion, clip.scene.thing, clip.scene.place, free=True)
        for clip in drawn
    ]


def test_the_motion_that_is_asked_for_is_foreseen(
    sketch: HunyuanVideoFramepackPipeline, clips: Sequence[ClipLatents]
) -> None:
    right = foresight(sketch, RELEASED, clips)
    assert set(right) == {Move.PAN_LEFT, Move.TILT_UP}
    assert max(right.values()) < 0.5
    # The same frames, said to move the other way.
    wrong = foresight(sketch, RELEASED, [replace(clip, motion=clip.motion.backwards) for clip in clips])
    assert min(wrong.values()) > 0.8


def test_known_clips_are_chosen_like_the_new_ones(clips: Sequence[ClipLatents]) -> None:
    pan = clips[0]
    others = [
        replace(pan, motion=Motion(Move.PAN_LEFT, Speed.FAST)),
        replace(pan, latents=pan.latents[..., :20]),
        replace(pan, motion=Motion(Move.STATIC)),
    ]
    assert list(as_new([*others, *[pan] * 9])) == [pan] * 8
