"""Where a small transformer's training starts: noise passes straight through, and tokens look at their place.

The first features of a token are its noisy patch, the next its patch in a clean frame, the last tells text from
pictures. Queries and keys are constant, so rotary positions alone decide where a token looks: at its own place and near
it in every frame, and hardly at the text. Copying the board is then learnt within a hundred steps.
"""

from __future__ import annotations

import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel
from diffusers.models.attention_processor import Attention
from torch import nn

_GATE = 0.5
_MARK = 5.0
_SHARPNESS = 1.5


@torch.no_grad()
def start_local(transformer: HunyuanVideoFramepackTransformer3DModel) -> None:
    """Set the weights of a fresh `transformer` whose width is at least twice a patch's features."""
    config = transformer.config
    patch = config["in_channels"] * config["patch_size"] ** 2
    embed, clean = transformer.x_embedder.proj, transformer.clean_x_embedder.proj
    for place, conv in ((0, embed), (patch, clean)):
        conv.weight.mul_(0.1)
        for feature in range(patch):
            channel, rest = divmod(feature, config["patch_size"] ** 2)
            row, column = divmod(rest, config["patch_size"])
            conv.weight[place + feature, channel, 0, row, column] += 1.0
    transformer.context_embedder.proj_in.bias[-1] = _MARK
    transformer.image_projection.down.bias[-1] = _MARK
    time = config["rope_axes_dim"][0]
    for coarse in (transformer.clean_x_embedder.proj_2x, transformer.clean_x_embedder.proj_4x):
        coarse.weight.mul_(0.5)
    for block in transformer.transformer_blocks:
        for norm in (block.norm1, block.norm1_context):
            _still(norm.linear, gates=(2, 5), parts=6)
        _gaze(block.attn, time)
        nn.init.eye_(block.attn.to_out[0].weight)
        nn.init.zeros_(block.ff.net[2].weight)
    for block in transformer.single_transformer_blocks:
        _still(block.norm.linear, gates=(2,), parts=3)
        _gaze(block.attn, time)
        width = block.proj_out.out_features
        block.proj_out.weight[:, width:].mul_(0.1)
        block.proj_out.weight[:, :width] = torch.eye(width) * 0.5
    nn.init.zeros_(transformer.norm_out.linear.weight)
    nn.init.zeros_(transformer.norm_out.linear.bias)
    nn.init.zeros_(transformer.proj_out.weight)
    nn.init.zeros_(transformer.proj_out.bias)
    transformer.proj_out.weight[:, :patch] = torch.eye(patch)
    transformer.proj_out.weight[:, patch : 2 * patch] = -0.3 * torch.eye(patch)


def _still(linear: nn.Linear, gates: tuple[int, ...], parts: int) -> None:
    """Modulation that starts constant: no shift, no scale, gates half open."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    size = linear.out_features // parts
    for gate in gates:
        linear.bias[gate * size : (gate + 1) * size] = _GATE


def _gaze(attention: Attention, time: int) -> None:
    """Queries and keys that start nearly constant: one at the rotary features of space, zero at the first `time`.

    Tokens that carry the mark of text turn a third of their key around, so that pictures hardly look at them.
    """
    for linear in (attention.to_q, attention.to_k):
        linear.weight.mul_(0.3)
        by_head = nn.init.ones_(linear.bias).view(attention.heads, -1)
        by_head[:, :time] = 0
    keys = attention.to_k.weight.view(attention.heads, -1, attention.to_k.in_features)
    keys[:, time : time + (keys.shape[1] - time) // 3, -1] = -0.6
    attention.norm_q.weight.mul_(_SHARPNESS)
    nn.init.eye_(attention.to_v.weight)
    nn.init.zeros_(attention.to_v.bias)
