"""A wider transformer that begins where a trained narrow one is: the old numbers keep their places, new ones join them.

What is new starts without a say: it reads everything and writes to new features, but what reads new features for the
old ones begins at zero. The one thing that changes is the norms, which see more features: their scale makes up for it.
New heads look where the motion's two carriers look, and may learn to look beside them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel

_WHISPER = 0.05
"""Standard deviation of new weights that write to new features."""
_JITTER = 0.2
"""By how much new heads look elsewhere than those they are copied from."""
_CARRIERS = (2, 3)
"""The heads that new ones are copied from, in turn: those that `start_motion` lets look along the motion."""
_GATE = 0.5
_SCALES = {"transformer_blocks": (6, (1, 4)), "single_transformer_blocks": (3, (1,)), "norm_out": (2, (0,))}
"""Parts of a modulation, and which of them scale what a norm gives."""


@torch.no_grad()
def widened(narrow: HunyuanVideoFramepackTransformer3DModel, heads: int) -> HunyuanVideoFramepackTransformer3DModel:
    """A transformer of `heads` heads, each as wide as before, that does nearly what `narrow` does (float32).

    Raises ValueError where that is not wider.
    """
    config = dict(narrow.config)
    if heads <= config["num_attention_heads"]:
        raise ValueError(f"{heads} heads are not more than {config['num_attention_heads']}")
    size = config["attention_head_dim"]
    old, new = config["num_attention_heads"] * size, heads * size
    wide = HunyuanVideoFramepackTransformer3DModel.from_config({**config, "num_attention_heads": heads})
    state = narrow.state_dict()
    for name, tensor in wide.state_dict().items():
        _extend(name, tensor, state[name].float(), old, new)
    _copy_heads(wide, old, size)
    _compensate(wide, math.sqrt(old / new), old, new)
    return wide


def _extend(name: str, into: torch.Tensor, trained: torch.Tensor, old: int, new: int) -> None:
    """Fill `into` with what was trained, and what is new with numbers that do not touch the old features."""
    if into.shape == trained.shape:
        into.copy_(trained)
        return
    if into.dim() > 1 and into.shape[1] != trained.shape[1]:
        into[:] = torch.randn_like(into) * _WHISPER / math.sqrt(into[0].numel() / into.shape[1])
    elif into.dim() == 1:
        into.fill_(name.endswith("weight"))  # a norm's
    parts = trained.shape[0] // old if ".linear." in name and "norm" in name else 1
    columns = _columns(name, into, trained, old, new)
    for part in range(parts):
        rows = slice(part * len(into) // parts, part * len(into) // parts + len(trained) // parts)
        told = trained[part * len(trained) // parts : (part + 1) * len(trained) // parts]
        into[rows] = 0.0
        if trained.dim() == 1:
            into[rows] = told
            continue
        for place, taken in columns:
            into[rows, place] = told[:, taken]


def _columns(
    name: str, into: torch.Tensor, trained: torch.Tensor, old: int, new: int
) -> tuple[tuple[slice, slice], ...]:
    """Where a weight's old inputs are among its new ones; a single block's output reads heads first, then the MLP."""
    if trained.dim() == 1:
        return ()
    if "single_transformer_blocks" in name and "proj_out" in name:
        mlp = trained.shape[1] - old
        return (slice(0, old), slice(0, old)), (slice(new, new + mlp), slice(old, old + mlp))
    return ((slice(0, trained.shape[1]), slice(0, trained.shape[1])),)


def _copy_heads(wide: HunyuanVideoFramepackTransformer3DModel, old: int, size: int) -> None:
    """Let new heads look nearly where the carriers look."""
    for block in (*wide.transformer_blocks, *wide.single_transformer_blocks):
        attention: Any = block.attn
        for query in (attention.to_q, attention.to_k):
            for number, begin in enumerate(range(old, query.out_features, size)):
                carrier = _CARRIERS[number % len(_CARRIERS)] * size
                query.weight[begin : begin + size] = query.weight[carrier : carrier + size]
                bias = query.bias[carrier : carrier + size]
                query.bias[begin : begin + size] = bias * (1 + _JITTER * torch.randn_like(bias))


def _compensate(wide: HunyuanVideoFramepackTransformer3DModel, factor: float, old: int, new: int) -> None:
    """Scale what norms give by `factor`, as more features with nothing in them have made it larger; open new gates."""
    for name, module in wide.named_modules():
        if name.startswith("context_embedder") and isinstance(module, torch.nn.LayerNorm) and module.weight is not None:
            module.weight[:old] *= factor
            continue
        kind = next((kind for kind in _SCALES if name.startswith(kind)), None)
        if kind is None or not (name.endswith(".linear") and "norm" in name):
            continue
        linear: Any = module
        parts, scales = _SCALES[kind]
        for part in range(parts):
            rows = slice(part * new, part * new + old)
            if part in scales:
                linear.weight[rows] *= factor
                linear.bias[rows] = factor * (1 + linear.bias[rows]) - 1
            elif (parts, part) in ((6, 2), (6, 5), (3, 2)):
                linear.bias[part * new + old : (part + 1) * new] = _GATE
