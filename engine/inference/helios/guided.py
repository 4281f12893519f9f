"""Warp-as-History: in the coarsest stage Helios sees a guide's pictures as history at the section's own time.

Source: arXiv 2605.15182, without training. Beside the frames that it made, which end before the section, the model sees
what the camera will see of them at the section's own time indices; where that is not known the tokens are left out,
and so are the slots of history that nothing is in yet. Finer stages see the section's usual context.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from ...framepack.history import PackedContext, PackedFrames
from ...framepack.solvers.base import Denoised
from ...framepack.solvers.guide import Guide, steps_in
from ...models.guide_use import GuideUse
from .sampling import noised

Kernel = tuple[int, int, int]


@dataclass(frozen=True)
class GuidedHistory:
    """What the model sees in the guided steps of one section instead of its packed context."""

    blocks: tuple[PackedFrames, ...]
    """By kernel, the finest first, whose frames are followed by the guide's."""
    kept: torch.Tensor
    """(tokens,) bool in the transformer's sequence, the coarsest kernel first: which tokens of `blocks` are seen."""
    guide: Guide
    steps: int
    """Of the section, over all stages."""

    def leads(self, stage: int, step: int) -> bool:
        """Whether step `step` of a stage, both from 0, sees this history."""
        return stage == 0 and step < steps_in(self.guide.until, self.steps)

    def with_board(self, made: Iterator[Denoised]) -> Iterator[Denoised]:
        """The section's steps; the last one leaves the board's own latent where the section shows a board."""
        board = self.guide.board
        for denoised in made:
            if board is None or denoised.step < self.steps:
                yield denoised
                continue
            latents = denoised.latents.clone()
            latents[:, :, board] = self.guide.pictures[:, :, board].to(latents)
            yield replace(denoised, latents=latents)


def guided_history(
    context: PackedContext,
    guides: Sequence[Guide],
    use: GuideUse,
    kernels: Sequence[Kernel],
    steps: int,
    generator: torch.Generator,
) -> GuidedHistory | None:
    """The history of a section of `steps` steps under its guide; None where it has none, or none of it is seen.

    A token is seen where the mean of its pixels' shares is at least `use.seen`. Noise is drawn only where there is a
    history: first the level of each latent of the section, then the noise itself (1, C, window, H, W). The first
    frame's latent has its own already (`Helios.prepare_start`).
    """
    if not guides or use.noise is None or not guides[0].until:
        return None
    (guide,) = guides
    finest = kernels[0]
    seen = _token_shares(guide.seen, finest) >= use.seen
    of_guide = seen.clone()
    if guide.board is not None:
        of_guide[guide.board] = False  # the board alone leads nowhere: it is history anyway
    if not of_guide.any():
        return None
    blocks = [context.of_kernel(kernel) for kernel in kernels]
    pictures = noised(guide.pictures, guide.pictures.shape[2], use.noise, generator)
    kept = [_filled_tokens(block, kernel) for block, kernel in zip(blocks, kernels, strict=True)]
    kept[0] = torch.cat([kept[0], seen.flatten()])
    blocks[0] = PackedFrames(
        blocks[0].kernel,
        torch.cat([blocks[0].latents, pictures], dim=2),
        torch.cat([blocks[0].indices, context.generated]),
        torch.cat([blocks[0].filled, torch.ones(pictures.shape[2], dtype=torch.bool)]),
    )
    return GuidedHistory(tuple(blocks), torch.cat(kept[::-1]), guide, steps)


@contextmanager
def without_tokens(blocks: Sequence[Any], kept: torch.Tensor) -> Iterator[None]:
    """Inside, a Helios transformer's `blocks` see of the history's tokens only those that are `kept` (tokens,) bool.

    The transformer goes on knowing nothing of it: its output counts the section's tokens from the end. Not for compiled
    blocks: the number of tokens differs from section to section. One call of the transformer at a time.
    """
    if kept.all():
        yield
        return
    history, left = len(kept), torch.nonzero(kept).flatten().tolist()
    picked: dict[str, torch.Tensor] = {}

    def begin(block: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        tokens, text, modulation, rotary, own = args
        if tokens.shape[1] - own != history:
            raise ValueError(f"the history has {tokens.shape[1] - own} tokens, and {history} are told of")
        rows = torch.tensor([*left, *range(history, history + own)], device=tokens.device)
        picked["rotary"] = rotary[:, rows]
        return rest(block, (tokens[:, rows], text, modulation, rotary, own))

    def rest(_: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        tokens, text, modulation, _, own = args
        # All tokens of history have the modulation of time 0: to leave out as many of the first rows gives the same as
        # to pick those that are kept, and copies nothing.
        return tokens, text, modulation[:, history - len(left) :], picked["rotary"], own

    with ExitStack() as hooks:
        for number, block in enumerate(blocks):
            hook = block.register_forward_pre_hook(rest if number else begin)
            hooks.callback(hook.remove)
        yield


def history_inputs(blocks: Sequence[PackedFrames], device: torch.device, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Blocks of history by kernel, the finest first, under the names of diffusers' transformer."""
    inputs = {}
    for name, packed in zip(("short", "mid", "long"), blocks, strict=True):
        inputs[f"latents_history_{name}"] = packed.latents.to(device, dtype)
        inputs[f"indices_latents_history_{name}"] = packed.indices.unsqueeze(0)
    return inputs


def _token_shares(shares: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """The means of shares (1, 1, T, H, W) over each token: (T, rows, columns)."""
    return torch.nn.functional.avg_pool3d(shares, kernel, stride=kernel)[0, 0]


def _filled_tokens(block: PackedFrames, kernel: Kernel) -> torch.Tensor:
    """Which tokens of a block hold a latent of the shot, if only one: (tokens,) bool."""
    frames, rows, columns = kernel
    a_group = math.ceil(block.latents.shape[3] / rows) * math.ceil(block.latents.shape[4] / columns)
    starts = range(0, len(block.filled), frames)
    groups = torch.stack([block.filled[start : start + frames].any() for start in starts])
    return groups.repeat_interleave(a_group)
