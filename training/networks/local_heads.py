"""Where a small transformer's training starts: noise passes straight through, and every head looks at one place.

A token's first features are its noisy patch, the next its patch in a clean frame, the last three tell what it is.
Queries and keys are constant and live in the highest rotary frequencies of space, so each head attends sharply to one
offset: its own place or a neighbour's. Clean frames are preferred to noisy ones and both to text.

How far to look depends on when and where: a pan has gone twice as far after twice the time, a zoom moves the edge and
not the centre. Rotary positions are relative, so a token knows neither, except by the text tokens, which are not
rotated: a query's meeting with them tells its own time, row and column. Three heads of the first block do that from
the start. Moving a picture is then a matter of turning the queries by what text, time and place say. The signed rates
at the head of the pooled vector (`words`) reach every block as they are, each as a number and its opposite.
"""

from __future__ import annotations

import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel
from diffusers.models.attention_processor import Attention
from torch import nn

from ..scenes.moves import COMPONENTS

GATE = 0.5
"""Where the gates of a modulation start."""
_MARK = 5.0
_SHARPNESS = 3.5
"""Of queries; with the keys' 1.0 a head sees its place about as well as the eight around it together."""
_OFFSETS = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0), (0, 0))
"""(rows, columns) in tokens that the heads look at, in turn."""
_FREQUENCIES = 2
"""Rotary frequencies of each axis, from the highest, that decide where a head looks."""


@torch.no_grad()
def start_local(transformer: HunyuanVideoFramepackTransformer3DModel) -> None:
    """Set the weights of a fresh `transformer` whose width is more than twice a patch's features."""
    config = transformer.config
    patch = config["in_channels"] * config["patch_size"] ** 2
    embed, clean = transformer.x_embedder.proj, transformer.clean_x_embedder.proj
    for place, conv in ((0, embed), (patch, clean)):
        conv.weight.mul_(0.1)
        for feature in range(patch):
            channel, rest = divmod(feature, config["patch_size"] ** 2)
            row, column = divmod(rest, config["patch_size"])
            conv.weight[place + feature, channel, 0, row, column] += 1.0
    for coarse in (transformer.clean_x_embedder.proj_2x, transformer.clean_x_embedder.proj_4x):
        coarse.weight.mul_(0.5)
    clean.bias[-2] = _MARK
    transformer.context_embedder.proj_in.bias[-1] = _MARK
    transformer.image_projection.down.bias[-3] = _MARK
    _tell_rates(transformer)
    axes, theta = tuple(config["rope_axes_dim"]), float(config["rope_theta"])
    for block in transformer.transformer_blocks:
        for norm in (block.norm1, block.norm1_context):
            _still(norm.linear, gates=(2, 5), parts=6)
        _gaze(block.attn, axes, theta)
        nn.init.zeros_(block.ff.net[2].weight)
    if len(transformer.transformer_blocks):
        _locate(transformer.transformer_blocks[0].attn, axes)
    for block in transformer.single_transformer_blocks:
        _still(block.norm.linear, gates=(2,), parts=3)
        _gaze(block.attn, axes, theta)
        width = block.proj_out.out_features
        block.proj_out.weight[:, width:].mul_(0.1)
    nn.init.zeros_(transformer.norm_out.linear.weight)
    nn.init.zeros_(transformer.norm_out.linear.bias)
    nn.init.zeros_(transformer.proj_out.weight)
    nn.init.zeros_(transformer.proj_out.bias)
    transformer.proj_out.weight[:, :patch] = torch.eye(patch)
    transformer.proj_out.weight[:, patch : 2 * patch] = -0.3 * torch.eye(patch)


def _tell_rates(transformer: HunyuanVideoFramepackTransformer3DModel) -> None:
    """Pass the pooled vector's signed rates on as the first features of what modulates the blocks: +rate and -rate.

    SiLU bends what passes it, but silu(u) - silu(-u) = u.
    """
    embed = transformer.time_text_embed
    for other in (embed.timestep_embedder, embed.guidance_embedder):
        other.linear_2.weight[: 2 * COMPONENTS] = 0.0
        other.linear_2.bias[: 2 * COMPONENTS] = 0.0
    first, second = embed.text_embedder.linear_1, embed.text_embedder.linear_2
    for linear in (first, second):
        linear.weight[: 2 * COMPONENTS] = 0.0
        linear.bias[: 2 * COMPONENTS] = 0.0
    for rate in range(COMPONENTS):
        plus, minus = 2 * rate, 2 * rate + 1
        first.weight[plus, rate], first.weight[minus, rate] = 1.0, -1.0
        second.weight[plus, plus], second.weight[plus, minus] = 1.0, -1.0
        second.weight[minus, plus], second.weight[minus, minus] = -1.0, 1.0


def _still(linear: nn.Linear, gates: tuple[int, ...], parts: int) -> None:
    """Modulation that starts constant: no shift, no scale, gates half open."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    size = linear.out_features // parts
    for gate in gates:
        linear.bias[gate * size : (gate + 1) * size] = GATE


def _gaze(attention: Attention, axes: tuple[int, ...], theta: float) -> None:
    """Queries and keys that start constant but for what a token is; each head looks at its own offset.

    A rotary pair (1, 0) in the key and (cos fd, sin fd) in the query meet best where the key is d away. The slowest
    pair of time hardly turns over a shot: there the key says clean (+), noisy (-) or text (- -).
    """
    time, rows, columns = axes
    kind = time - 2
    for linear in (attention.to_q, attention.to_k):
        linear.weight.mul_(0.3)
        nn.init.zeros_(linear.bias)
    queries = attention.to_q.bias.view(attention.heads, -1)
    keys = attention.to_k.bias.view(attention.heads, -1)
    for head in range(attention.heads):
        offset = _OFFSETS[head % len(_OFFSETS)]
        for begin, size, distance in ((time, rows, offset[0]), (time + rows, columns, offset[1])):
            for pair in range(_FREQUENCIES):
                angle = torch.tensor(distance * theta ** (-2 * pair / size))
                place = begin + 2 * pair
                keys[head, place] = 1.0
                queries[head, place], queries[head, place + 1] = torch.cos(angle), torch.sin(angle)
        queries[head, kind], keys[head, kind] = 1.0, -0.5
    of_kind = attention.to_k.weight.view(attention.heads, -1, attention.to_k.in_features)[:, kind]
    of_kind.zero_()
    of_kind[:, -2], of_kind[:, -1], of_kind[:, -3] = 0.3, -0.6, -0.6
    attention.norm_q.weight.mul_(_SHARPNESS)


def _locate(attention: Attention, axes: tuple[int, ...]) -> None:
    """Make the last three heads tell each token's time, row and column, into the features before the marks.

    A query carries one slow rotary pair of its axis, weakly, so that the answer is graded. Unrotated keys hold (1, 0)
    for image tokens and (0, 1) for words, so the share of attention on either follows the position; pictures are shut
    out by the pair that tells kinds.
    """
    time, rows, _ = axes
    kind = time - 2
    pair = 2  # the third frequency: less than half a turn over a shot, or across a picture
    width = attention.to_q.in_features
    size = width // attention.heads
    for axis, begin in enumerate((0, time, time + rows)):
        head = attention.heads - 3 + axis
        dims = slice(head * size, (head + 1) * size)
        for linear in (attention.to_q, attention.to_k, attention.add_k_proj, attention.add_v_proj):
            linear.weight[dims] = 0.0
            linear.bias[dims] = 0.0
        place = head * size + begin + 2 * pair
        attention.to_q.bias[place] = 1.0
        attention.to_q.bias[head * size + kind] = 6.0
        attention.to_k.bias[head * size + kind] = -1.0
        attention.add_k_proj.bias[head * size + kind] = 2.0
        # Norms keep a mark of 5 among features near 1 at 5 to 10; a fifth of it makes about one.
        attention.add_k_proj.weight[place, -3], attention.add_k_proj.weight[place + 1, -1] = 0.15, 0.15
        attention.add_v_proj.weight[head * size, -3] = 0.15
        attention.to_out[0].weight[:, dims] *= 0.1
        attention.to_out[0].weight[width - 6 + axis, head * size] = 2.0
