"""A bank of clips as latents on disk: what the transformer trains on.

Each file holds a few clips of one size, written whole; a bank that was interrupted goes on with the next file. Where a
VAE's encoder looks at the present frame only, as Sketch's does, the latent of frame 4j is that frame's latent as a
picture: only those frames are drawn, any of them can be a board, and clips run backwards too. For other VAEs every
frame is drawn and encoded in time, and clips only start at their first frame and run forwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save
from tqdm import tqdm

from engine.media.files import make_folder, write_whole
from engine.media.measures import Picture

from .networks.flat_vae import looks_at_present_only, twin_of
from .picture_bank import to_signed
from .scenes.clips import Clip, random_clip, random_motion
from .scenes.moves import FRAMES_PER_LATENT, LATENTS_PER_SECTION, Motion, Move, Speed

SIZES = ((256, 144), (192, 192), (224, 160), (160, 224), (144, 256))
"""(width, height) of the clips: about the same area at the aspects that boards have."""
SIZE_SHARES = (0.6, 0.14, 0.12, 0.07, 0.07)
CLIPS_PER_FILE = 10
_LONG = 0.25
"""Share of the files whose clips last as long as the longest shot, the first among them; the others last one section.
What stands in front of what is learned from many scenes: 114 orbits were known by heart, and others shown as pans."""
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


@dataclass(frozen=True)
class BankRecipe:
    """What is drawn for a bank: clips of one section, a quarter of them of `sections`, each with an end board."""

    sections: int
    side: int
    """The image encoder's, in pixels."""
    seed: int
    often: tuple[str, ...] = ()
    """Moves whose names begin with one of these come three times as often as the others."""


def extend_bank(folder: Path, vae: AutoencoderKLHunyuanVideo, recipe: BankRecipe, *, clips: int, workers: int) -> None:
    """Draw and encode clips after `recipe` until `folder` holds `clips`.

    On a CPU `workers` processes share the files; what they make does not depend on their number.
    """
    make_folder(folder)
    jobs = [(_write_file, (folder, number, recipe, CLIPS_PER_FILE, SIZES)) for number in missing_files(folder, clips)]
    write_files(StillEncoder(vae), jobs, workers if vae.device.type == "cpu" else 1)


def missing_files(folder: Path, clips: int) -> list[int]:
    """The numbers of the files that a bank of `clips` clips in `folder` still lacks."""
    return [number for number in range(-(-clips // CLIPS_PER_FILE)) if not file_of(folder, number).is_file()]


def write_files(encoder: StillEncoder, jobs: Sequence[Job], workers: int) -> None:
    """Do all `jobs`, each of which writes a file of a bank, in `workers` processes."""
    if workers < 2:
        for job in tqdm(jobs, "latents", unit=" files"):
            _done(encoder, job)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin_worker, initargs=(encoder,)
    ) as pool:
        for _ in tqdm(pool.map(_work, jobs), "latents", total=len(jobs), unit=" files"):
            pass


def small_board(picture: Picture, side: int) -> NDArray[np.uint8]:
    """`picture` (side, side, 3) as the image encoder sees it."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


class StillEncoder:
    """Encodes clips: frame by frame through the 2-D twin where the VAE allows it, else through the VAE in time."""

    def __init__(self, vae: AutoencoderKLHunyuanVideo) -> None:
        self.free = looks_at_present_only(vae)
        self._vae = twin_of(vae) if self.free else vae

    @torch.inference_mode()
    def encode(self, clip: Clip, side: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The latents (T, C, h, w) float16 and small frames (T, side, side, 3) uint8 of `clip`."""
        keys = range(0, clip.frames, FRAMES_PER_LATENT)
        frames = [clip.frame(number) for number in (keys if self.free else range(clip.frames))]
        shown = frames if self.free else frames[::FRAMES_PER_LATENT]
        small = torch.from_numpy(np.stack([small_board(frame, side) for frame in shown]))
        if self.free:
            return self.encode_alone(frames), small
        pixels = self._pixels(frames)
        with torch.autocast(pixels.device.type, torch.bfloat16):
            encoded = self._vae.encode(pixels.transpose(0, 1).unsqueeze(0)).latent_dist.mode()
        return self._scaled(encoded[0].transpose(0, 1)), small

    @torch.inference_mode()
    def encode_alone(self, pictures: Sequence[Picture]) -> torch.Tensor:
        """The latents (N, C, h, w) float16 of pictures that know nothing of each other; only where `free`."""
        pixels = self._pixels(pictures)
        with torch.autocast(pixels.device.type, torch.bfloat16):
            parts = [self._means(part.unsqueeze(2)).squeeze(2) for part in torch.split(pixels, _BATCH)]
        return self._scaled(torch.cat(parts))

    def _pixels(self, pictures: Sequence[Picture]) -> torch.Tensor:
        return torch.from_numpy(to_signed(np.stack(pictures))).to(self._vae.device, self._vae.dtype)

    def _scaled(self, latents: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = latents.float() * self._vae.config["scaling_factor"]
        return scaled.to("cpu", torch.float16)

    def _means(self, pictures: torch.Tensor) -> torch.Tensor:
        means: torch.Tensor = self._vae.quant_conv(self._vae.encoder(pictures)).chunk(2, 1)[0]
        return means


Job: TypeAlias = "tuple[Callable[..., None], tuple[Any, ...]]"
"""A function of a module, which is given the encoder first, and what else it is given: a worker gets both."""
_encoder: StillEncoder | None = None
"""The worker process's own."""


def _begin_worker(encoder: StillEncoder) -> None:
    global _encoder
    torch.set_num_threads(1)
    _encoder = encoder


def _work(job: Job) -> None:
    assert _encoder is not None
    _done(_encoder, job)


def _done(encoder: StillEncoder, job: Job) -> None:
    write, arguments = job
    write(encoder, *arguments)


def _write_file(
    encoder: StillEncoder,
    folder: Path,
    number: int,
    recipe: BankRecipe,
    count: int,
    sizes: tuple[tuple[int, int], ...],
) -> None:
    rng = np.random.default_rng([recipe.seed, number])
    size = sizes[rng.choice(len(sizes), p=SIZE_SHARES)]
    length = recipe.sections if number == 0 or rng.random() < _LONG else 1
    whole = length + 1 / LATENTS_PER_SECTION
    drawn = [random_clip(rng, size, whole, random_motion(rng, often=recipe.often)) for _ in range(count)]
    encoded = [encoder.encode(clip, recipe.side) for clip in drawn]
    facts = [
        {"move": clip.motion.move, "speed": clip.motion.speed, "thing": clip.scene.thing, "place": clip.scene.place}
        for clip in drawn
    ]
    tensors = {
        "latents": torch.stack([latents for latents, _ in encoded]),
        "small": torch.stack([small for _, small in encoded]),
    }
    metadata = {"clips": json.dumps(facts), "free": json.dumps(encoder.free)}
    write_whole(file_of(folder, number), save(tensors, metadata))


def read_bank(folder: Path) -> list[ClipLatents]:
    """All clips of the bank in `folder`, in the sequence they were made."""
    return [clip for path in sorted(folder.glob("clips-*.safetensors")) for clip in _read(path)]


def _read(path: Path) -> Iterator[ClipLatents]:
    with safe_open(path, "pt") as file:
        latents, small, metadata = file.get_tensor("latents"), file.get_tensor("small"), file.metadata()
    for each, pictures, facts in zip(latents, small, json.loads(metadata["clips"]), strict=True):
        motion = Motion(Move(facts["move"]), Speed(facts["speed"]))
        yield ClipLatents(each, pictures, motion, facts["thing"], facts["place"], json.loads(metadata["free"]))


def file_of(folder: Path, number: int) -> Path:
    """The bank's file number `number`."""
    return folder / f"clips-{number:05d}.safetensors"
