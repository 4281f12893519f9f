"""How a variant sees its history: all of it or what is like what comes, by a codebook's entries, or with noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from diffusers.models.embeddings import get_timestep_embedding
from torch import nn

from engine.framepack.history import PackedContext, PackedFrames
from engine.inference.hunyuan.packed_transformer import PackedTransformer

from .choice import Choice

_FEATURES = 32


class HistoryNoise(nn.Module):
    """A network that is told how noisy its history is: the level is added to the history's tokens.

    Source: arXiv 2504.12626 v3 compares with it (SkyReels-V2's, whose multiplier is read here as one of the section's
    present level). The addition starts at zero: without noise it is the network as it was.
    """

    def __init__(self, network: PackedTransformer) -> None:
        super().__init__()
        self.network = network
        assert network.clean_x_embedder is not None
        width = network.config.num_attention_heads * network.config.attention_head_dim
        self.told = nn.Linear(_FEATURES, width)
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.told.bias)
        self.level: torch.Tensor | None = None
        """(B,), 0 to 1: of the call to come."""
        network.clean_x_embedder.register_forward_hook(self._add)

    def _add(self, _: nn.Module, __: object, tokens: torch.Tensor) -> torch.Tensor:
        if self.level is None:
            return tokens
        features = get_timestep_embedding(self.level * 1000, _FEATURES, flip_sin_to_cos=True, downscale_freq_shift=0)
        added: torch.Tensor = self.told(features)[:, None].to(tokens.dtype)
        return tokens + added


@dataclass(frozen=True)
class Sight:
    """What becomes of a history before the network sees it; nothing where none of these is there."""

    codebook: torch.Tensor | None = None
    """(K, C); a `History` is given it, and boards are seen as its entries too."""
    noise: HistoryNoise | None = None
    choice: Choice | None = None

    def seen(
        self, context: PackedContext, sigma: torch.Tensor, share: torch.Tensor, generator: torch.Generator | None = None
    ) -> PackedContext:
        """`context` as a network that is told of noise sees it, at levels `sigma` (B,) with `share` (B,) of them on it.

        Slots with nothing in them stay zeros. Noise is drawn by `generator`, which a section keeps through its steps.
        """
        if self.noise is None:
            return context
        self.noise.level = share * sigma
        return PackedContext(
            tuple(_noisy(block, share * sigma, generator) for block in context.blocks), context.generated
        )


def learn_codebook(pixels: torch.Tensor, entries: int, seed: int, iterations: int = 50) -> torch.Tensor:
    """K-means of `pixels` (N, C): (`entries`, C) float32, begun by k-means++ and drawn by `seed`.

    An entry that loses all its pixels stays where it is.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = pixels[torch.randint(len(pixels), (1,), generator=generator)]
    nearest = torch.full((len(pixels),), torch.inf)
    for _ in range(entries - 1):
        nearest = torch.minimum(nearest, (pixels - chosen[-1]).square().sum(1))
        following = torch.searchsorted(
            nearest.double().cumsum(0), torch.rand(1, generator=generator).double() * nearest.double().sum()
        )
        chosen = torch.cat([chosen, pixels[following.clamp(max=len(pixels) - 1)]])
    for _ in range(iterations):
        codes = torch.cdist(pixels, chosen).argmin(1)
        counts = torch.bincount(codes, minlength=entries)[:, None]
        sums = torch.zeros_like(chosen).index_add_(0, codes, pixels)
        chosen = torch.where(counts > 0, sums / counts.clamp(min=1), chosen)
    return chosen


def _noisy(block: PackedFrames, level: torch.Tensor, generator: torch.Generator | None) -> PackedFrames:
    share = level[:, None, None, None, None]
    noise = torch.randn(block.latents.shape, generator=generator)
    filled = block.filled.to(block.latents.dtype)[None, None, :, None, None]
    return replace(block, latents=((1 - share) * block.latents + share * noise) * filled)
