"""How much memory Helios' networks take, from their configurations and weight headers alone. No torch.

What they hold while they work was counted once, tensor by tensor, over the real classes (`tests/engine/live_memory.py`
does it again); it grows with the tokens of a section, not with the length of the shot.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...models.spec import ModelSpec
from ..memory.network_sizes import config_of, part_of
from ..memory.placement import SMALL_TILE, TILE, Demand, Extent

# In units of tokens x width x 4 bytes, the numbers alive at the fullest moment of a block: every token has its own
# modulation, in float32, and so has what is modulated.
_BLOCK_UNITS = {2: 16.2, 4: 23.5}
# The same where a guide is seen: the first block's tokens are there as they came and as they are left.
_GUIDED_UNITS = {2: 17.2, 4: 24.6}
# In units of height x width x the VAE's first width: its causal convolutions go frame by frame and keep the last ones.
_DECODE_UNITS, _TILED_UNITS, _ENCODE_UNITS = 49.7, 46.0, 37.8
_DECODED_COPIES, _TILED_COPIES = 2.0, 2.4
"""How often the decoded clip is there beside that."""
_CLIP_COPIES = 3.7
"""How often a decoded clip is in main memory, in float32, while it is written."""


def helios_demand(
    components: Mapping[str, Path],
    spec: ModelSpec,
    extent: Extent,
    *,
    transformer_bytes: int,
    encoder_bytes: int,
    vae_bytes: int,
) -> Demand:
    """The demand of a section of `extent`; the three are the widths of a number in each network.

    Raises WeightsError for garbled headers and OSError for files that cannot be read.
    """
    text = config_of(components["text_encoder"])
    heads = text["num_heads"] * spec.prompt_tokens**2
    text_work = (spec.prompt_tokens * (12 * text["d_model"] + 3 * text["d_ff"]) + 4 * heads) * encoder_bytes
    encoders = {"text_encoder": part_of(components["text_encoder"], encoder_bytes, text_work, leaves=True)}
    _, attending, dim = helios_attention(components, spec, extent)
    units = extent.tokens * _BLOCK_UNITS[transformer_bytes]
    if extent.led:
        units = max(units, _guided_tokens(spec, extent) * _GUIDED_UNITS[transformer_bytes])
    work = round(units * attending * dim * 4)
    channels = config_of(components["vae"])["base_dim"]
    pixel = channels * vae_bytes
    frames = spec.temporal_compression * (extent.latents - 1) + 1
    clip = frames * extent.width * extent.height * 3

    def decode(tile: int) -> int:
        width, height = (min(side, tile or side) for side in (extent.width, extent.height))
        units, copies = (_TILED_UNITS, _TILED_COPIES) if tile else (_DECODE_UNITS, _DECODED_COPIES)
        return int(width * height * pixel * units + copies * clip * vae_bytes)

    return Demand(
        encoders,
        part_of(components["transformer"], transformer_bytes, work),
        part_of(components["vae"], vae_bytes, round(extent.width * extent.height * pixel * _ENCODE_UNITS)),
        {tile: decode(tile) for tile in (0, TILE, SMALL_TILE)},
        round(_CLIP_COPIES * clip * 4),
    )


def helios_attention(components: Mapping[str, Path], spec: ModelSpec, extent: Extent) -> tuple[int, int, int]:
    """What one attention of the transformer's blocks has to do at most: tokens, heads, numbers a head."""
    transformer = config_of(components["transformer"])
    tokens = max(extent.tokens, _guided_tokens(spec, extent))
    return tokens, transformer["num_attention_heads"], transformer["attention_head_dim"]


def _guided_tokens(spec: ModelSpec, extent: Extent) -> int:
    """Tokens at most of the coarsest stage, which sees a guide's latents at full size beside the context."""
    side = spec.spatial_compression * spec.patch[1]
    a_frame = (extent.width // side) * (extent.height // side)
    own = extent.latents * a_frame
    coarsest: int = own // 4 ** (spec.pyramid_stages - 1)
    return extent.tokens - own + coarsest + extent.led * a_frame
