"""A model ready for a shot: its networks placed by the size of the shot's sections, and what its blocks run on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from ..framepack.decoding import waiting_frames
from ..framepack.layout import SectionLayout
from ..framepack.packing import Block
from ..framepack.plan import PlannedSection, ShotPlan
from ..framepack.token_counts import FULL, block_tokens, tail_tokens
from ..inference.family import Family
from ..inference.memory.placement import Extent, Placed
from ..inference.registry import Families, kernels_for, place_model
from ..inference.speed.step_cache_choice import CacheChoice
from ..models.folder import ModelFolder
from ..models.lora_files import LoraFile
from ..models.spec import ModelSpec, Speed
from .guides import LatentGuide, guide_extent


@dataclasses.dataclass(frozen=True)
class FamilyOpener:
    """Opens the family of a shot of `model`, which `spec` describes, on `device`."""

    model: ModelFolder
    spec: ModelSpec
    device: torch.device
    convolution: str
    """What the shot's decoder convolves by (`Kernels.convolution`)."""
    cache: CacheChoice | None = None
    loras: tuple[LoraFile, ...] = ()

    def extent(self, plan: ShotPlan, size: tuple[int, int], guides: Sequence[LatentGuide]) -> Extent:
        """How large the work on the largest section of `plan` is, of `size` (width, height) pixels, led by `guides`."""
        extent = extent_of(plan.made, self.spec, plan.grid.window, size)
        return dataclasses.replace(extent, **guide_extent(guides, plan, self.spec.guide))

    def place(self, extent: Extent, speed: Speed, limit: int | None, retry: int) -> Placed:
        """Where its networks are to live, using at most `limit` bytes of the device; `retry` as in `place_model`."""
        int8 = speed is Speed.FAST
        return place_model(self.model, self.spec, extent, self.device, limit=limit, retry=retry, int8_weights=int8)

    def open(self, families: Families, extent: Extent, speed: Speed, placed: Placed) -> Family:
        """The family, with its networks where `placed` says: kept by `families`, or new."""
        kernels = kernels_for(self.model, self.spec, extent, self.device, placed.placement, speed)
        kernels = dataclasses.replace(kernels, convolution=self.convolution)
        return families.open(self.model, self.spec, self.device, self.cache, placed.placement, self.loras, kernels)


def extent_of(sections: Sequence[PlannedSection], spec: ModelSpec, window: int, size: tuple[int, int]) -> Extent:
    """How large the work on the largest of `sections` is, `window` latents each of `size` (width, height) pixels."""
    columns, rows = (side // spec.spatial_compression for side in size)
    context = max(_context_tokens(planned.layout, rows, columns) for planned in sections)
    own = block_tokens(Block(window, FULL), rows, columns)
    together = max(len(clip) for planned in sections for clip in planned.decode.clips)
    blocks = (len(block) for planned in sections for block in planned.decode.provisional)
    waiting = max(waiting_frames(planned.decode for planned in sections)) - max(blocks, default=0)
    return Extent(*size, own + context, together, waiting=waiting)


def _context_tokens(layout: SectionLayout, rows: int, columns: int) -> int:
    """Tokens of a section's context, its tail's included, on `rows` x `columns` latent pixels."""
    blocks = sum(block_tokens(Block(len(block.slots), block.kernel), rows, columns) for block in layout.blocks)
    if (tail := layout.tail) is None:
        return blocks
    return blocks + tail_tokens(tail.option, tail.kernel, len(tail.latents), rows, columns)
