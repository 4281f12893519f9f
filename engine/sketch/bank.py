"""A bank of clips as latents on disk: what the transformer trains on.

Each file holds a few clips of one size, written whole; a bank that was interrupted goes on with the next file. Where a
VAE's encoder looks at the present frame only, as Sketch's does, the latent of frame 4j is that frame's latent as a
picture: only those frames are drawn, any of them can be a board, and clips run backwards too. For other VAEs every
frame is drawn and encoded in time, and clips only start at their first frame and run forwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save
from tqdm import tqdm

from ..media.files import make_folder, write_whole
from .data import Clip, random_clip
from .flat import looks_at_present_only
from .moves import FRAMES_PER_LATENT, LATENTS_PER_SECTION, Motion, Move, Speed
from .pictures import to_signed

SIZES = ((256, 144), (192, 192), (224, 160), (160, 224), (144, 256))
"""(width, height) of the clips: about the same area at the aspects that boards have."""
_SHARES = (0.6, 0.14, 0.12, 0.07, 0.07)
CLIPS_PER_FILE = 10
_BATCH = 8


@dataclass(frozen=True)
class ClipLatents:
    """One clip: `latents` (T, C, h, w) float16 from frame 0 on, four frames apart, VAE-scaled; `small` (T, S, S, 3)
    uint8, the same frames as the image encoder sees them."""

    latents: torch.Tensor
    small: torch.Tensor
    motion: Motion
    thing: str
    place: str
    free: bool
    """Whether the clip may start at any latent and run backwards."""


def extend_bank(
    folder: Path, vae: AutoencoderKLHunyuanVideo, *, clips: int, sections: int, side: int, seed: int
) -> None:
    """Draw and encode clips of `sections` sections until `folder` holds `clips`; `side` is the image encoder's."""
    make_folder(folder)
    files = -(-clips // CLIPS_PER_FILE)
    missing = [number for number in range(files) if not _file(folder, number).is_file()]
    for number in tqdm(missing, "latents", unit=" files"):
        rng = np.random.default_rng([seed, number])
        size = SIZES[rng.choice(len(SIZES), p=_SHARES)]
        drawn = [random_clip(rng, size, sections) for _ in range(CLIPS_PER_FILE)]
        encoded = [encode_clip(vae, clip, side) for clip in drawn]
        facts = [
            {"move": clip.motion.move, "speed": clip.motion.speed, "thing": clip.scene.thing, "place": clip.scene.place}
            for clip in drawn
        ]
        tensors = {
            "latents": torch.stack([latents for latents, _ in encoded]),
            "small": torch.stack([small for _, small in encoded]),
        }
        metadata = {"clips": json.dumps(facts), "free": json.dumps(looks_at_present_only(vae))}
        write_whole(_file(folder, number), save(tensors, metadata))


@torch.inference_mode()
def encode_clip(vae: AutoencoderKLHunyuanVideo, clip: Clip, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The latents (T, C, h, w) float16 and small frames (T, side, side, 3) uint8 of `clip`."""
    keys = range(0, clip.frames, FRAMES_PER_LATENT)
    free = looks_at_present_only(vae)
    frames = [clip.frame(number) for number in (keys if free else range(clip.frames))]
    shown = frames if free else frames[::FRAMES_PER_LATENT]
    small = [np.asarray(Image.fromarray(frame).resize((side, side), Image.Resampling.BICUBIC)) for frame in shown]
    pixels = torch.from_numpy(to_signed(np.stack(frames))).to(vae.device, vae.dtype)
    if free:
        parts = [_mean(vae, part.unsqueeze(2)) for part in torch.split(pixels, _BATCH)]
        latents = torch.cat(parts).squeeze(2)
    else:
        latents = _mean(vae, pixels.transpose(0, 1).unsqueeze(0))[0].transpose(0, 1)
    return latents.to("cpu", torch.float16), torch.from_numpy(np.stack(small))


def _mean(vae: AutoencoderKLHunyuanVideo, pixels: torch.Tensor) -> torch.Tensor:
    with torch.autocast(vae.device.type, torch.bfloat16):
        latents: torch.Tensor = vae.encode(pixels).latent_dist.mode().float() * vae.config["scaling_factor"]
    return latents


def read_bank(folder: Path) -> list[ClipLatents]:
    """All clips of the bank in `folder`, in the sequence they were made."""
    return [clip for path in sorted(folder.glob("clips-*.safetensors")) for clip in _read(path)]


def _read(path: Path) -> Iterator[ClipLatents]:
    with safe_open(path, "pt") as file:
        latents, small, metadata = file.get_tensor("latents"), file.get_tensor("small"), file.metadata()
    for each, pictures, facts in zip(latents, small, json.loads(metadata["clips"]), strict=True):
        motion = Motion(Move(facts["move"]), Speed(facts["speed"]))
        yield ClipLatents(each, pictures, motion, facts["thing"], facts["place"], json.loads(metadata["free"]))


def _file(folder: Path, number: int) -> Path:
    return folder / f"clips-{number:05d}.safetensors"


def latents_in(sections: int) -> int:
    """Latent frames of a clip of `sections` sections, its first frame's included."""
    return sections * LATENTS_PER_SECTION + 1
