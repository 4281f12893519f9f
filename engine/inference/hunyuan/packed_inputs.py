"""A packed context as `PackedTransformer` takes it; when a shot is made, and in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .packed_transformer import PackedFrames

if TYPE_CHECKING:
    from ...framepack.history import PackedContext


def packed_blocks(context: PackedContext, device: torch.device, dtype: torch.dtype) -> list[PackedFrames]:
    """The blocks of `context` in time order, with latents on `device` in `dtype`; indices stay where they are."""
    return [
        PackedFrames(
            (block.kernel.frames, block.kernel.rows, block.kernel.columns),
            block.latents.to(device, dtype),
            block.indices,
        )
        for block in context.blocks
    ]
