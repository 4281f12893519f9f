"""How much memory HunyuanVideo's networks take, from their configurations and weight headers alone. No torch.

What they hold while they work was counted once, tensor by tensor, over the real classes (`tests/engine/live_memory.py`
does it again); it grows with the tokens of a section, not with the length of the shot.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...framepack.decoding import WAITING_BYTES
from ...framepack.grid import Seam
from ...models.spec import ModelSpec
from ..memory.network_sizes import config_of, part_of
from ..memory.placement import SMALL_TILE, TILE, Demand, Extent

# In units of tokens x width, the numbers alive at the fullest moment of a block: inside a single-stream block's
# rotary embedding, which runs in float32 whatever the rest does.
_BLOCK_UNITS = {2: 17.5, 4: 16.0}
# In units of frames x height x width x the first level's channels: the VAE's last upsampling, input, padded input,
# output.
_DECODE_UNITS, _ENCODE_UNITS = 9.2, 7.3
_CPU_UNITS, _CPU_FRAMES = 2.4, 23
"""The same of decoding on a CPU by `decoder.py`, and how many frames more its blocks count for, however few there are;
measured (docs/measurements.md)."""
_CLIP_COPIES = 5.2
"""How often a decoded clip is in main memory, in float32, while it is blended with its neighbours and written."""
_DECODED_TOGETHER = 5
"""Latents that diffusers decodes at once, where it fades longer clips together from pieces."""
_ENCODED_TOGETHER = 17
"""Pixel frames that diffusers encodes at once."""
_TEMPLATE_TOKENS = 100


def hunyuan_demand(
    components: Mapping[str, Path],
    spec: ModelSpec,
    extent: Extent,
    device: str,
    *,
    transformer_bytes: int,
    other_bytes: int,
) -> Demand:
    """The demand of a section of `extent` on a kind of `device`.

    `transformer_bytes` and `other_bytes` are the widths of a number there.

    Raises WeightsError for garbled headers and OSError for files that cannot be read.
    """
    text = config_of(components["text_encoder"])
    words = spec.prompt_tokens + _TEMPLATE_TOKENS
    text_work = words * (12 * text["hidden_size"] + 3 * text["intermediate_size"]) * other_bytes
    vision = config_of(components["image_encoder"])
    looks = _looks(vision)
    vision_work = looks * (12 * vision["hidden_size"] + 3 * vision["intermediate_size"]) * other_bytes
    encoders = {
        name: part_of(components[name], other_bytes, work, leaves=True)
        for name, work in (("text_encoder", text_work), ("text_encoder_2", text_work), ("image_encoder", vision_work))
    }
    tokens, heads, dim = hunyuan_attention(components, spec, extent)
    width = heads * dim
    work = round(tokens * width * transformer_bytes * _BLOCK_UNITS[transformer_bytes])
    channels = config_of(components["vae"])["block_out_channels"][0]
    map_bytes = channels * other_bytes
    encode = round(min(extent.encoded, _ENCODED_TOGETHER) * extent.width * extent.height * map_bytes * _ENCODE_UNITS)
    units, more = (_CPU_UNITS, _CPU_FRAMES) if device == "cpu" else (_DECODE_UNITS, 0)
    together = extent.latents if spec.seam is Seam.CAUSAL else min(extent.latents, _DECODED_TOGETHER)
    at_once = 4 * together - 3 + more
    decode = {tile: _decode(extent, at_once, tile, units * map_bytes, other_bytes) for tile in (0, TILE, SMALL_TILE)}
    clip = (4 * extent.latents - 3) * extent.width * extent.height * 3 * 4
    return Demand(
        encoders,
        part_of(components["transformer"], transformer_bytes, work),
        part_of(components["vae"], other_bytes, encode),
        decode,
        round(_CLIP_COPIES * clip),
        extent.waiting * extent.width * extent.height * WAITING_BYTES,
    )


def hunyuan_attention(components: Mapping[str, Path], spec: ModelSpec, extent: Extent) -> tuple[int, int, int]:
    """What one attention of the transformer's blocks has to do at most: tokens, heads, numbers a head."""
    transformer = config_of(components["transformer"])
    tokens = extent.tokens + spec.prompt_tokens + _looks(config_of(components["image_encoder"]))
    if spec.guide.context is not None and extent.led:  # it sees all of the section, where it is led or not
        tokens += spec.tokens(spec.latent_shape(spec.window, extent.height, extent.width))
    return tokens, transformer["num_attention_heads"], transformer["attention_head_dim"]


def _looks(vision: Mapping[str, Any]) -> int:
    """Tokens that the image encoder makes of a picture."""
    looks: int = (vision["image_size"] // vision["patch_size"]) ** 2
    return looks


def _decode(extent: Extent, frames: int, tile: int, pixel_bytes: float, other_bytes: int) -> int:
    """Bytes of decoding `extent`'s latents, `frames` frames at once, in tiles of `tile` pixels (0: whole)."""
    width, height = (min(side, tile or side) for side in (extent.width, extent.height))
    # The whole clip, three channels, and what of it is being blended.
    finished = 1.2 * (4 * extent.latents - 3) * extent.width * extent.height * 3 * other_bytes
    return round(frames * width * height * pixel_bytes + finished)
