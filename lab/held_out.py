"""Scenes that no transformer of the lab has practised, in sets: for drift, memory, what moves, and the gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from training.latent_bank import StillEncoder
from training.scenes.moves import LATENTS_PER_SECTION, Motion, Speed

from .bank import encode_path
from .world import CAMERA, HOLD, MOTIONS, Kind, Path, Scene, draw_path, out_and_back

_FIRST_SEED = 500_000_000
"""Training's scenes have lower ones."""
LONG, SHORT = 22, 8
"""Sections of the shots."""


@dataclass(frozen=True)
class HeldOut:
    """A scene, the path over it, and its seed, which sampling's noise is drawn from as well."""

    scene: Scene
    path: Path
    seed: int


@dataclass(frozen=True)
class Encoded:
    """Scenes of one length: the truth (N, C, T, h, w) float32, its sections' starts as boards (N, S + 1, V, E)."""

    scenes: tuple[HeldOut, ...]
    latents: torch.Tensor
    boards: torch.Tensor
    motions: torch.Tensor

    @property
    def sections(self) -> int:
        """Of each."""
        return self.motions.shape[1]


def drift_scenes(count: int = 32) -> Sequence[HeldOut]:
    """H: half hold still, the others pan slowly, so long that all of the torus goes by."""

    def path(number: int) -> Path:
        motion = HOLD if number % 2 == 0 else Motion(CAMERA[number // 2 % len(CAMERA)], Speed.SLOW)
        return Path((motion,) * LONG)

    return list(_scenes(1, count, path))


def memory_scenes(count: int = 48) -> Sequence[HeldOut]:
    """R: three quarters go out for four sections and come back, the others go once around the torus and further."""

    def path(number: int) -> Path:
        move = CAMERA[number // 4 % len(CAMERA)]
        if number % 4 == 3:
            return Path((Motion(move, Speed.FAST),) * SHORT)
        return out_and_back(move, (Speed.NORMAL, Speed.FAST)[number % 2], SHORT // 2, SHORT)

    return list(_scenes(2, count, path))


def turning_scenes(count: int = 32) -> Sequence[HeldOut]:
    """D: random turns."""

    def path(number: int) -> Path:
        return draw_path(np.random.default_rng([_FIRST_SEED, number]), SHORT, Kind.RANDOM)

    return list(_scenes(3, count, path))


def gate_scenes(count: int = 32) -> Sequence[HeldOut]:
    """Out and back and out and back, for the gates and the choices of a pilot: none of the other sets'.

    What the last section shows lay in the released depth of a history, and but for a quarter not in the newest frame.
    """

    def path(number: int) -> Path:
        return out_and_back(CAMERA[number % len(CAMERA)], Speed.FAST, 1, 4)

    return list(_scenes(4, count, path))


SETS = {"H": drift_scenes, "R": memory_scenes, "D": turning_scenes}


def encode_scenes(scenes: Sequence[HeldOut], encoder: StillEncoder, image_encoder: nn.Module) -> Encoded:
    """Truth and boards of scenes of one length."""
    encoded = [encode_path(encoder, image_encoder, each.scene, each.path) for each in scenes]
    latents = torch.stack([latents.float().transpose(0, 1) for latents, _ in encoded])
    boards = torch.stack([boards.float() for _, boards in encoded])
    return restored(scenes, latents, boards)


def restored(scenes: Sequence[HeldOut], latents: torch.Tensor, boards: torch.Tensor) -> Encoded:
    """Scenes that were encoded before."""
    motions = torch.tensor([[MOTIONS.index(motion) for motion in each.path.motions] for each in scenes])
    assert latents.shape[2] == motions.shape[1] * LATENTS_PER_SECTION + 1
    return Encoded(tuple(scenes), latents, boards, motions)


def _scenes(number: int, count: int, path: Callable[[int], Path]) -> Iterator[HeldOut]:
    for place in range(count):
        seed = _FIRST_SEED + number * 1000 + place
        yield HeldOut(Scene(seed), path(place), seed)
