"""How well a model foresees a clip's first section in one look from pure noise, on scenes it knows and on new ones.

A cheap instrument beside whole shots, for whoever trains: where known scenes are foreseen better than new ones the
model knows its clips by heart, and more scenes help; where both are foreseen badly it lacks width or steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from diffusers import HunyuanVideoFramepackPipeline

from engine.framepack.packing import Order, parse
from engine.framepack.plan import plan_shot
from engine.models.spec import ModelSpec

from ..latent_bank import ClipLatents, StillEncoder
from ..lessons import Lesson
from ..scenes.clips import random_clip
from ..scenes.moves import CAMERA_MOVES, LATENTS_PER_SECTION, OBJECT_MOVES, Motion, Move, Speed
from ..scenes.prompts import describe
from ..velocity import Batch, read, seen_by_encoder, velocity
from .trials import HELD_OUT, SIZE

GROUPS: Mapping[str, tuple[Move, ...]] = {
    "pans, tilts, zooms, rolls": tuple(move for move in CAMERA_MOVES if not move.has_parallax),
    "orbits, dollies": tuple(move for move in CAMERA_MOVES if move.has_parallax),
    "objects": tuple(OBJECT_MOVES),
}
_SHOWN = (2, 5, 8)
"""Frames of the window that are foreseen."""
_EACH = 8
_GUIDANCE = 1.0
"""None: with more the model says what its words change, farther than the mean of what may follow."""


def new_clips(encoder: StillEncoder, side: int) -> Iterator[ClipLatents]:
    """Eight held-out clips of every move at normal speed; `side` is the image encoder's, in pixels."""
    for kind, move in enumerate(CAMERA_MOVES + OBJECT_MOVES):
        for number in range(_EACH):
            rng = np.random.default_rng([HELD_OUT, kind, number])
            clip = random_clip(rng, SIZE, 1, Motion(move))
            latents, small = encoder.encode(clip, side)
            yield ClipLatents(latents, small, clip.motion, clip.scene.thing, clip.scene.place, encoder.free)


def as_new(clips: Iterable[ClipLatents]) -> Iterator[ClipLatents]:
    """Those of a bank's `clips` that are like the held-out ones: the first eight of every move, same size and speed."""
    found = dict.fromkeys(CAMERA_MOVES + OBJECT_MOVES, 0)
    for clip in clips:
        move, (height, width) = clip.motion.move, clip.latents.shape[-2:]
        alike = clip.motion.speed is Speed.NORMAL and (width * 8, height * 8) == SIZE
        if alike and found.get(move, _EACH) < _EACH:
            found[move] += 1
            yield clip


@torch.inference_mode()
def foresight(
    pipeline: HunyuanVideoFramepackPipeline, spec: ModelSpec, clips: Sequence[ClipLatents]
) -> dict[Move, float]:
    """By move, the mean error of what is foreseen over the mean error of a start that is held still (mean squares)."""
    grid = spec.grid()
    plan = plan_shot(grid.frames(1), grid=grid, schedule=parse(spec.schedules[Order.INVERTED]), boards=(0,))
    lesson = Lesson(plan, plan.made[0], _SHOWN)
    device = pipeline.transformer.device
    errors: dict[Move, list[tuple[float, float]]] = {}
    for number, clip in enumerate(clips):
        prompt = describe(np.random.default_rng([HELD_OUT, number]), clip.motion, clip.thing, clip.place)
        shot = clip.latents[: LATENTS_PER_SECTION + 1].float().transpose(0, 1)[None].to(device)
        x0 = lesson.target(shot)
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(number)).to(device)
        one = torch.ones(1, device=device)
        told = read(pipeline, spec, Batch(shot, seen_by_encoder(clip.small[0])[None], [prompt]), device)
        foreseen = noise - velocity(pipeline, spec, told, noise, one, _GUIDANCE * one, lesson.context(shot))
        pair = float((foreseen - x0).square().mean()), float((shot[:, :, :1] - x0).square().mean())
        errors.setdefault(clip.motion.move, []).append(pair)
    means = {move: np.mean(pairs, 0) for move, pairs in errors.items()}
    return {move: float(foreseen / held) for move, (foreseen, held) in means.items()}
