"""Where looking along a motion starts: the rates in the prompt turn where two heads look, by time and place.

Under a motion the content at a place comes from elsewhere in the start frame: under a pan from a distance that grows
with time, under a zoom or roll also with the distance from the centre. Two heads of the first single block carry clean
patches as they are. Their queries begin with constant phases (`start_transformer`); here those phases are turned by
rate x time x place. The product of time and place is made by the double block's feed-forward (gelu(v) + gelu(-v) is
nearly v squared), that with the rate by the single block's modulation, whose scale is -1 + rate.

Time and place are what the first block's position codes tell, which are bent; what they are worth is fitted by least
squares on the untrained network itself.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel
from torch import nn

_SIZE = (18, 32)
"""Latents (rows, columns) of the size that place is fitted on, 256x144."""
_WINDOW = 9
CARRIERS = (2, 3)
"""Heads that carry the clean patch along the motion: its first and its second half lie on just their features."""
# Tokens (16 pixels) that a place's source lies away after a section at a rate of 1; for zoom and roll, a token from the
# centre.
_PAN = -24 / 16
_ZOOM = -0.14
_ROLL = 0.14
_SHOWN = 0.7
"""Share of what the carrying heads bring that shows in the prediction; more loses more where they look too widely."""
_RATES = {"across": 0, "down": 1, "zoom": 2, "roll": 3}
"""Places in `Motion.components`."""


@torch.no_grad()
def start_motion(transformer: HunyuanVideoFramepackTransformer3DModel, unit: float) -> None:
    """Set weights of a `transformer` that `start_local` has begun; `unit` is a rate of 1 in the pooled vector."""
    width = transformer.config["num_attention_heads"] * transformer.config["attention_head_dim"]
    first: Any = transformer.transformer_blocks[0]
    block: Any = transformer.single_transformer_blocks[0]
    # Features for time, and for time x column and time x row twice each: with the zoom's and with the roll's rate.
    names = ("time across", "time down", "column zoom", "row zoom", "column roll", "row roll")
    features = {name: width - 12 + number for number, name in enumerate(names)}
    for embed in (transformer.x_embedder.proj, transformer.clean_x_embedder.proj):
        embed.weight[width - 12 :] = 0.0
    _multiply(transformer, first, features, width)
    gains = _gains(transformer, block, features)
    _modulate(block, features, gains, unit)
    _turn(block, features, transformer.config)
    _carry(block, width)
    patch = transformer.config["in_channels"] * transformer.config["patch_size"] ** 2
    transformer.proj_out.weight[:, patch : 2 * patch] = -_SHOWN * torch.eye(patch)


def _multiply(
    transformer: HunyuanVideoFramepackTransformer3DModel, first: Any, features: dict[str, int], width: int
) -> None:
    """Let the double block's feed-forward write time, and time x column and time x row, into `features`."""
    seen = _observe(transformer, first.norm2)
    codes = torch.cat([seen[:, width - 6 : width - 3], torch.ones(len(seen), 1)], 1)
    time, row, column = _places()
    fitted = torch.linalg.lstsq(codes, torch.stack([time, row / _half(0), column / _half(1)], 1)).solution
    enter, leave = first.ff.net[0].proj, first.ff.net[2]
    enter.weight[:10], enter.bias[:10] = 0.0, 0.0
    leave.weight[:, :10] = 0.0

    def unit(number: int, combination: torch.Tensor) -> None:
        enter.weight[number, width - 6 : width - 3] = combination[:3]
        enter.bias[number] = combination[3]

    for sign, number in ((1.0, 0), (-1.0, 1)):
        unit(number, sign * fitted[:, 0])
        for name in ("time across", "time down"):
            leave.weight[features[name], number] = sign
    for axis, begin, name in ((2, 2, "column"), (1, 6, "row")):
        for number, (of_time, of_place, sign) in enumerate(((1, 1, 1), (-1, -1, 1), (1, -1, -1), (-1, 1, -1))):
            unit(begin + number, of_time * fitted[:, 0] + of_place * fitted[:, axis])
            for kind in ("zoom", "roll"):
                leave.weight[features[f"{name} {kind}"], begin + number] = float(sign)


def _gains(
    transformer: HunyuanVideoFramepackTransformer3DModel, block: Any, features: dict[str, int]
) -> dict[str, float]:
    """What each feature must be multiplied by to be time, or time x place in tokens, behind the single block's norm."""
    seen = _observe(transformer, block.norm.norm)
    time, row, column = _places()
    truth = {"time": time, "column": time * column, "row": time * row}
    found = {}
    for name, feature in features.items():
        wanted = truth[name.split()[0]]
        found[name] = float((seen[:, feature] @ wanted) / (seen[:, feature] @ seen[:, feature]))
    return found


def _modulate(block: Any, features: dict[str, int], gains: dict[str, float], unit: float) -> None:
    """Scale each feature by its rate, and to nothing where there is none."""
    linear = block.norm.linear
    size = linear.out_features // 3
    for name, feature in features.items():
        rate = _RATES[name.split()[1]]
        scale = size + feature
        linear.bias[scale] = -1.0
        linear.weight[scale] = 0.0
        linear.weight[scale, 2 * rate], linear.weight[scale, 2 * rate + 1] = gains[name] / unit, -gains[name] / unit


def _turn(block: Any, features: dict[str, int], config: Any) -> None:
    """Turn the carrying heads' phases by where a token's content comes from."""
    time, rows, columns = config["rope_axes_dim"]
    size, theta = config["attention_head_dim"], config["rope_theta"]
    across = {"time across": _PAN, "column zoom": _ZOOM, "row roll": _ROLL}
    down = {"time down": _PAN, "row zoom": _ZOOM, "column roll": -_ROLL}
    for head in CARRIERS:
        dims = slice(head * size, (head + 1) * size)
        block.attn.to_q.weight[dims] = 0.0
        block.attn.to_k.weight[dims, : features["time across"]] = 0.0
        for begin, axis, sources in ((time, rows, down), (time + rows, columns, across)):
            for pair in range(2):
                turn = head * size + begin + 2 * pair + 1
                block.attn.to_q.bias[turn - 1], block.attn.to_q.bias[turn] = 1.0, 0.0
                for name, distance in sources.items():
                    block.attn.to_q.weight[turn, features[name]] = distance * theta ** (-2 * pair / axis)


def _carry(block: Any, width: int) -> None:
    """Let the carrying heads put the clean patch that they see where the patch's features are."""
    size = width // block.attn.heads
    dims = slice(CARRIERS[0] * size, (CARRIERS[-1] + 1) * size)
    block.attn.to_v.weight[dims] = 0.0
    block.attn.to_v.bias[dims] = 0.0
    block.attn.to_v.weight[dims, dims] = torch.eye(len(CARRIERS) * size)
    block.proj_out.weight[:, dims] = 0.0
    block.proj_out.weight[dims] *= 0.1
    block.proj_out.weight[dims, dims] = 2.0 * torch.eye(len(CARRIERS) * size)


def _observe(transformer: HunyuanVideoFramepackTransformer3DModel, norm: nn.Module) -> torch.Tensor:
    """What `norm` gives for the noisy tokens of a section of noise, (tokens, features)."""
    config = transformer.config
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    rows, columns = _SIZE
    told: list[torch.Tensor] = []
    pictures: list[int] = []
    first: Any = transformer.transformer_blocks[0].norm2
    handles = [
        first.register_forward_hook(lambda _, __, output: pictures.append(output.shape[1])),
        norm.register_forward_hook(lambda _, __, output: told.append(output)),
    ]
    empty = torch.zeros(1, 16, 16, rows, columns)
    transformer(
        hidden_states=noise(1, 16, _WINDOW, rows, columns),
        timestep=torch.tensor([1000.0]),
        encoder_hidden_states=noise(1, 16, config["text_embed_dim"]),
        encoder_attention_mask=torch.ones(1, 16),
        pooled_projections=torch.zeros(1, config["pooled_projection_dim"]),
        image_embeds=noise(1, 9, config["image_proj_dim"]),
        indices_latents=torch.arange(1, 1 + _WINDOW),
        guidance=torch.tensor([10_000.0]),
        latents_clean=torch.cat([noise(1, 16, 1, rows, columns), empty[:, :, :1]], 2),
        indices_latents_clean=torch.tensor([0, 1 + _WINDOW]),
        latents_history_2x=empty[:, :, :2],
        indices_latents_history_2x=torch.arange(2) + 2 + _WINDOW,
        latents_history_4x=empty,
        indices_latents_history_4x=torch.arange(16) + 4 + _WINDOW,
    )
    for handle in handles:
        handle.remove()
    end = pictures[0]  # the noisy tokens are the last before the words
    return told[0][0, end - _WINDOW * rows * columns // 4 : end]


def _places() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Time in sections, and row and column in tokens from the centre, of the noisy tokens."""
    rows, columns = _SIZE[0] // 2, _SIZE[1] // 2
    grid = torch.meshgrid(
        torch.arange(1, 1 + _WINDOW) / _WINDOW,
        torch.arange(rows) - (rows - 1) / 2,
        torch.arange(columns) - (columns - 1) / 2,
        indexing="ij",
    )
    time, row, column = (each.flatten().float() for each in grid)
    return time, row, column


def _half(axis: int) -> float:
    """Half a side of the picture in tokens."""
    return _SIZE[axis] / 4
