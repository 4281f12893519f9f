"""A transformer whose frames look at earlier frames only: what the paper compares with as causal attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.inference.hunyuan.packed_embed import Size
from engine.inference.hunyuan.packed_transformer import PackedFrames, PackedTransformer, coarse_first


class CausalTransformer(PackedTransformer):
    """As `PackedTransformer`, but a frame's token sees those whose time is no later than its own, and words see words.

    A token of several frames has their latest time when it is looked at and their earliest when it looks. Words are
    seen by all. Source: arXiv 2504.12626 v3, alternatives.
    """

    def narrowed(
        self,
        mask: torch.Tensor | None,
        indices: torch.Tensor,
        blocks: Sequence[PackedFrames],
        size: tuple[int, int],
        words: int,
    ) -> torch.Tensor:
        """As in `PackedTransformer`: (B, 1, N, N)."""
        patch = self.config.patch_size
        told = [token_times(block.indices, block.kernel, block.latents.shape[-2:]) for block in coarse_first(blocks)]
        each = [*told, token_times(indices, (1, patch, patch), size)]
        count = max(len(first) for first, _ in each)
        first, last = (torch.cat([times.expand(count, -1) for times in side], 1) for side in zip(*each, strict=True))
        frames = last[:, None] <= first[:, :, None]
        seen = torch.zeros(count, frames.shape[1] + words, frames.shape[1] + words, dtype=torch.bool)
        seen[:, : frames.shape[1], : frames.shape[1]] = frames
        seen[:, :, frames.shape[1] :] = True
        seen = seen[:, None].to(indices.device)
        return seen if mask is None else seen & mask


def token_times(
    indices: torch.Tensor, kernel: Size, size: tuple[int, int] | torch.Size
) -> tuple[torch.Tensor, torch.Tensor]:
    """The earliest and the latest time of each token, (B or 1, tokens) each, of frames of `size` at `indices`.

    Frames are repeated at the far edge up to whole tokens, as the input layer does it.
    """
    times = indices if indices.dim() == 2 else indices[None]
    missing = -times.shape[1] % kernel[0]
    grouped = torch.cat([times, times[:, -1:].expand(-1, missing)], 1)
    grouped = grouped.reshape(len(times), -1, kernel[0])
    a_frame = -(-size[0] // kernel[1]) * -(-size[1] // kernel[2])
    first, last = (side.repeat_interleave(a_frame, 1) for side in (grouped.amin(2), grouped.amax(2)))
    return first, last
