"""One model, measured into one folder: its shots through the engine, its VAE, and what it is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKLHunyuanVideo

from engine.inference.speed.convolution import convolve_by_onednn
from engine.media.measures import Picture
from engine.models.folder import ModelFolder

from ..latent_bank import StillEncoder
from ..scenes.clips import Clip
from ..scenes.moves import CAMERA_MOVES, Move
from .contact_sheets import contact_sheet
from .recognise import Recognised, dominant, recognise, telling_frames
from .trials import Trial, shoot

Row = tuple[str, str]
"""What was measured, and the figure."""


@dataclass(frozen=True)
class Extent:
    """How much is measured: shots for obedience (other parts take a share of it), and their lengths in sections."""

    shots: int = 200
    lengths: tuple[int, ...] = (1, 3)


@dataclass(frozen=True)
class Sources:
    """What is measured on beside what is drawn: a folder of pictures, and the bank that the model was trained on."""

    pictures: Path | None = None
    bank: Path | None = None


class Evaluation:
    """One model measured into one folder."""

    def __init__(self, model: ModelFolder, out: Path, extent: Extent, sources: Sources, device: str) -> None:
        self.model, self.out, self.device = model, out, device
        self.shots, self.lengths = extent.shots, extent.lengths
        self.pictures, self.bank = sources.pictures, sources.bank
        self._vae: AutoencoderKLHunyuanVideo | None = None

    @property
    def vae(self) -> AutoencoderKLHunyuanVideo:
        """The model's VAE in float32, loaded once."""
        if self._vae is None:
            self._vae = AutoencoderKLHunyuanVideo.from_pretrained(
                self.model.components["vae"], torch_dtype=torch.float32
            ).eval()
            convolve_by_onednn(self._vae)
        return self._vae

    def shot(self, trial: Trial) -> list[Picture]:
        """The trial's frames, through the engine."""
        return shoot(trial, self.model, self.out / "shots", self.device)

    def recognised(
        self, trials: Iterable[Trial], sheet: str, rows: int, tried: Sequence[Move] = CAMERA_MOVES
    ) -> Iterator[tuple[Trial, list[Picture], Recognised]]:
        """Shoot the trials and say what each shows; the first `rows` of them are written as `sheet-SHEET.png`."""
        shown: list[tuple[str, list[Picture]]] = []
        for trial in trials:
            frames = self.shot(trial)
            seen = recognise(trial.clip, {number: frames[number] for number in telling_frames(trial.clip)}, tried)
            asked = trial.clip.motion
            title = f"{trial.prompt!r}  asked: {asked.move}, {asked.speed}; seen: {seen.move} x {seen.rate}"
            if len(shown) < rows:
                shown.append((title, frames))
            yield trial, frames, seen
        if shown:
            contact_sheet(self.out / f"sheet-{sheet}.png", shown)

    @torch.inference_mode()
    def through_vae(self, clip: Clip) -> list[Picture]:
        """The clip's frames after encoding and decoding alone: the ceiling of what a shot can look like."""
        latents, _ = StillEncoder(self.vae).encode(clip, 32)
        decoded = self.vae.decode(latents.float().transpose(0, 1).unsqueeze(0)).sample[0]
        return as_pictures(decoded.transpose(0, 1))


def obeys(trial: Trial, seen: Recognised) -> bool:
    """Whether the motion that is most of what is seen is the one that was asked for."""
    return dominant(trial.clip.motion.move) == dominant(seen.move)


def as_pictures(pixels: torch.Tensor) -> list[Picture]:
    """(N, 3, H, W) in [-1, 1] to N pictures."""
    bytes_ = ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return list(bytes_.permute(0, 2, 3, 1).numpy())
