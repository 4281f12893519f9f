"""A shot's guides as its sections need them: pictures encoded once and kept in its folder, masks by latent pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from PIL import Image

from ..events import Progress
from ..framepack.plan import PlannedSection
from ..framepack.solvers.guide import Guide
from ..inference.family import Family
from ..media.boards import decode_board
from ..media.images import cover
from ..models.guide_use import GuidePictures
from ..protocol import ConditionFrame
from .encode import Encoder
from .guides import LatentGuide
from .shot_folder import ShotFolder


class GuideEncoder:
    """Encodes what leads a shot, as far as its folder does not hold it yet."""

    def __init__(
        self,
        guides: Sequence[LatentGuide],
        boards: Mapping[int, str],
        size: tuple[int, int],
        family: Family,
        folder: ShotFolder,
        encoder: Encoder,
    ) -> None:
        """`boards` are the shot's by latent, `size` its (width, height)."""
        self._guides, self._boards = guides, boards
        self._width, self._height = size
        self._family = family
        self._folder = folder
        self._encoder = encoder

    def encode(self, sections: Sequence[PlannedSection]) -> Iterator[Progress]:
        """Encode what leads these sections, one after the other; says so before each that is not encoded yet."""
        missing = [
            (guide, run)
            for planned in sections
            for guide in self._guides
            for run in _runs(guide, planned.own)
            if not self._folder.has_encoding(self._run_key(guide, run))
        ]
        for number, (guide, run) in enumerate(missing, start=1):
            yield Progress(f"encoding the guide, part {number} of {len(missing)}")
            self._folder.keep_encoding(self._run_key(guide, run), {"latents": self._encoded(guide, run)})

    def of_section(self, planned: PlannedSection) -> tuple[Guide, ...]:
        """What leads a section; what is encoded for it must be there (`encode`)."""
        return tuple(self._guide(guide, planned.own) for guide in self._guides if any(_runs(guide, planned.own)))

    def alone(self, held: ConditionFrame) -> tuple[torch.Tensor, torch.Tensor]:
        """A picture's own latent (1, C, 1, H, W), and 1 where it is seen, else 0 (1, 1, 1, H, W)."""
        seen = (self._share((held,)) > self._family.spec.guide.seen).float()
        return self._family.encode_latent(self._seen(held)), seen[None, None, None]

    def _guide(self, guide: LatentGuide, own: range) -> Guide:
        spec = self._family.spec
        shape = spec.latent_shape(len(own), self._height, self._width)
        pictures, share, there = torch.zeros(shape), torch.zeros(1, 1, *shape[2:]), torch.zeros(1, 1, *shape[2:])
        for run in _runs(guide, own):
            at = slice(run.start - own.start, run.stop - own.start)
            pictures[:, :, at] = self._folder.encoding(self._run_key(guide, run))["latents"]
            there[:, :, at] = 1
            for latent in run:
                share[0, 0, latent - own.start] = self._share(guide.latents[latent])
        seen = there * (share if spec.guide.as_history else share > spec.guide.seen)
        return Guide(
            pictures=pictures,
            seen=seen * guide.strength,
            hidden=(there - seen) * guide.strength,
            until=guide.until,
            hidden_until=min(guide.until, spec.guide.hidden),
            board=None if guide.board is None or guide.board not in own else own.index(guide.board),
        )

    def _encoded(self, guide: LatentGuide, run: range) -> torch.Tensor:
        if self._family.spec.guide.pictures is GuidePictures.LATENT:
            return torch.cat(
                [self._family.encode_latent(self._seen(guide.latents[latent][0])) for latent in run], dim=2
            )
        frames = [self._seen(held) for latent in run for held in guide.latents[latent]]
        if _begins_a_clip(guide, run):
            return self._family.encode_video(frames)
        before = self._before(guide, run)
        return self._family.encode_video([self._encoder.picture(before) if before else frames[0], *frames])[:, :, 1:]

    def _before(self, guide: LatentGuide, run: range) -> str:
        """The picture right before a run, with which a causal encoder begins: guide's or board's; none: the first."""
        if _begins_a_clip(guide, run):
            return ""
        earlier = guide.latents.get(run.start - 1)
        return earlier[-1].image if earlier else self._boards.get(run.start - 1, "")

    def _seen(self, held: ConditionFrame) -> torch.Tensor:
        return self._encoder.picture(held.image)

    def _share(self, frames: Sequence[ConditionFrame]) -> torch.Tensor:
        """The share of each latent pixel's pixels that is seen: (H/s, W/s) float32.

        Of all its frames, or of its last one where history is made of them, as Warp-as-History has it.
        """
        if self._family.spec.guide.as_history:
            frames = frames[-1:]
        spatial = self._family.spec.spatial_compression
        rows, columns = self._height // spatial, self._width // spatial
        shares = []
        for held in frames:
            if held.seen is None:
                shares.append(torch.ones(rows, columns))
                continue
            data = (self._folder.boards / held.seen).read_bytes()
            mask = cover(decode_board(data, f"mask {held.seen[:8]}").convert("L"), self._width, self._height)
            small = mask.resize((columns, rows), Image.Resampling.BOX)
            shares.append(torch.from_numpy(np.asarray(small, dtype=np.float32) / 255))
        return torch.stack(shares).mean(0)

    def _run_key(self, guide: LatentGuide, run: range) -> str:
        pictures = [held.image for latent in run for held in guide.latents[latent]]
        every = self._family.spec.guide.pictures is GuidePictures.EVERY
        before = self._before(guide, run) if every else ""
        size = (str(self._width), str(self._height))
        return self._encoder.key("guide", self._family.spec.guide.pictures, before, *pictures, *size)


def _begins_a_clip(guide: LatentGuide, run: range) -> bool:
    """Whether a run is decoded from its first frame on, as sections that are cut are: a first latent shows one frame.

    Of latents with a picture for each of their frames.
    """
    return len(guide.latents[run.start]) == 1


def _runs(guide: LatentGuide, own: range) -> list[range]:
    """The latents in `own` that a guide leads, as runs without gaps."""
    led = [latent for latent in own if latent in guide.latents]
    starts = [latent for latent in led if latent - 1 not in led]
    stops = [latent + 1 for latent in led if latent + 1 not in led]
    return [range(start, stop) for start, stop in zip(starts, stops, strict=True)]
