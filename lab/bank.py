"""A bank of the world's paths as latents on disk, and what Sketch's encoders say of its boards and sentences.

All of it is made once: the lab's transformers are the only networks that are trained, and the others stay Sketch's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath

import numpy as np
import torch
from diffusers import HunyuanVideoFramepackPipeline
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save

from engine.media.files import make_folder, write_whole
from engine.models.spec import ModelSpec
from training.latent_bank import StillEncoder, file_of, small_board, write_files
from training.networks.architecture import VISION_SIDE
from training.scenes.moves import LATENTS_PER_SECTION
from training.velocity import seen_by_encoder

from .world import MOTIONS, Path, Scene, draw_path, sentence

CLIPS_PER_FILE = 50
SENTENCE_TOKENS = 8
_AT_ONCE = 64


@dataclass(frozen=True)
class Shelf:
    """Clips of one length: `latents` (N, T, C, h, w) float16 from a board on, VAE-scaled; for each section's start,
    the last board's included, `boards` (N, S + 1, V, E) float16 as the image encoder sees it; `motions` (N, S)."""

    latents: torch.Tensor
    boards: torch.Tensor
    motions: torch.Tensor

    @cached_property
    def turns(self) -> NDArray[np.bool_]:
        """(N, S - 1): whether the path turns round at the border after a section, and shows again what that showed."""
        rates = np.array([motion.components for motion in MOTIONS])[self.motions.numpy()]
        turned: NDArray[np.bool_] = (rates[:, :-1] == -rates[:, 1:]).all(-1) & rates[:, 1:].any(-1)
        return turned


@dataclass(frozen=True)
class Sentences:
    """Every sentence as both text encoders read it, by its motion's number in `MOTIONS`."""

    embeds: torch.Tensor
    """(M, L, D)."""
    mask: torch.Tensor
    """(M, L)."""
    pooled: torch.Tensor
    """(M, P)."""


@dataclass(frozen=True)
class Drawn:
    """A step's clips: `shots` (B, C, T, h, w) float32, what their sections are told (B, S), and the pictures that these
    start from, as boards (B, S, V, E) float32."""

    shots: torch.Tensor
    motions: torch.Tensor
    boards: torch.Tensor


def told(sentences: Sentences, motions: torch.Tensor, boards: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a transformer is told, under its names: the sentences of `motions` (B,) and `boards` (B, V, E)."""
    return {
        "encoder_hidden_states": sentences.embeds[motions],
        "encoder_attention_mask": sentences.mask[motions],
        "pooled_projections": sentences.pooled[motions],
        "image_embeds": boards,
    }


class Bank:
    """Training's clips, the short ones for shots of few sections and the long ones for any."""

    def __init__(self, folder: FilePath) -> None:
        self._folder = folder

    @cached_property
    def shelves(self) -> tuple[Shelf, ...]:
        """By length, shortest first."""
        by_length: dict[int, list[Shelf]] = {}
        for path in sorted(self._folder.glob("clips-*.safetensors")):
            shelf = _read(path)
            by_length.setdefault(shelf.latents.shape[1], []).append(shelf)
        return tuple(_joined(by_length[length]) for length in sorted(by_length))

    @property
    def longest(self) -> int:
        """Sections of the longest shot."""
        return self.shelves[-1].motions.shape[1]

    def draw(self, rng: np.random.Generator, sections: int, count: int, turn: int | None = None) -> Drawn:
        """`count` stretches of `sections` sections, each from a border between sections on.

        With `turn`, from 1, such whose path turns round before that section, where there are any.
        """
        fitting = [shelf for shelf in self.shelves if shelf.motions.shape[1] >= sections]
        shelf = fitting[rng.integers(len(fitting))]
        spare = shelf.motions.shape[1] - sections
        length = sections * LATENTS_PER_SECTION + 1
        turns = np.argwhere(shelf.turns[:, turn - 1 : turn + spare]) if turn else np.empty((0, 2), int)
        if len(turns):
            clips, starts = turns[rng.integers(len(turns), size=count)].T
        else:
            clips, starts = rng.integers(len(shelf.latents), size=count), rng.integers(spare + 1, size=count)
        shots, motions, boards = [], [], []
        for clip, start in zip(clips, starts, strict=True):
            first = start * LATENTS_PER_SECTION
            shots.append(shelf.latents[clip, first : first + length].float().transpose(0, 1))
            motions.append(shelf.motions[clip, start : start + sections])
            boards.append(shelf.boards[clip, start : start + sections].float())
        return Drawn(torch.stack(shots), torch.stack(motions), torch.stack(boards))


def extend_bank(folder: FilePath, pipeline: HunyuanVideoFramepackPipeline, lengths: dict[int, int], jobs: int) -> None:
    """Draw and encode what `folder` lacks of `lengths`, clips by their sections, in `jobs` processes."""
    make_folder(folder)
    encoder = StillEncoder(pipeline.vae)
    wanted = [
        (number, sections, sections * 1_000_000 + first)
        for sections, clips in sorted(lengths.items())
        for number, first in enumerate(range(0, clips, CLIPS_PER_FILE), sections * 1000)
    ]
    missing = [each for each in wanted if not file_of(folder, each[0]).is_file()]
    write_files(encoder, [(_write_clips, (folder, *each, pipeline.image_encoder)) for each in missing], jobs)


def read_sentences(pipeline: HunyuanVideoFramepackPipeline, spec: ModelSpec) -> Sentences:
    """All sentences through Sketch's text encoders, float32."""
    template = {"template": spec.prompt_template, "crop_start": spec.prompt_crop}
    with torch.no_grad():
        embeds, pooled, mask = pipeline.encode_prompt(
            [sentence(motion) for motion in MOTIONS], prompt_template=template, max_sequence_length=SENTENCE_TOKENS
        )
    return Sentences(embeds.float(), mask.float(), pooled.float())


@torch.inference_mode()
def encode_path(
    encoder: StillEncoder, image_encoder: torch.nn.Module, scene: Scene, path: Path
) -> tuple[torch.Tensor, torch.Tensor]:
    """`path` as latents (T, C, h, w) float16 and its sections' starts as boards (S + 1, V, E) float16."""
    pictures = scene.frames(path)
    boards = encode_boards(image_encoder, pictures[::LATENTS_PER_SECTION])
    return encoder.encode_alone(pictures), boards


@torch.inference_mode()
def encode_boards(image_encoder: torch.nn.Module, pictures: Sequence[np.ndarray]) -> torch.Tensor:
    """Pictures as the image encoder sees them (N, V, E) float16."""
    small = [seen_by_encoder(torch.from_numpy(small_board(picture, VISION_SIDE).copy())) for picture in pictures]
    parts = torch.split(torch.stack(small), _AT_ONCE)
    return torch.cat([image_encoder(pixel_values=part).last_hidden_state for part in parts]).to(torch.float16)


def _write_clips(
    encoder: StillEncoder, folder: FilePath, number: int, sections: int, first: int, image_encoder: torch.nn.Module
) -> None:
    encoded, motions = [], []
    for seed in range(first, first + CLIPS_PER_FILE):
        path = draw_path(np.random.default_rng([seed, sections]), sections)
        encoded.append(encode_path(encoder, image_encoder, Scene(seed), path))
        motions.append([MOTIONS.index(motion) for motion in path.motions])
    tensors = {
        "latents": torch.stack([latents for latents, _ in encoded]),
        "boards": torch.stack([boards for _, boards in encoded]),
    }
    write_whole(file_of(folder, number), save(tensors, {"motions": json.dumps(motions)}))


def _read(path: FilePath) -> Shelf:
    with safe_open(path, "pt") as file:
        motions = torch.tensor(json.loads(file.metadata()["motions"]))
        return Shelf(file.get_tensor("latents"), file.get_tensor("boards"), motions)


def _joined(shelves: Sequence[Shelf]) -> Shelf:
    return Shelf(*(torch.cat([getattr(shelf, name) for shelf in shelves]) for name in ("latents", "boards", "motions")))
