"""A wider transformer that begins where a trained narrow one is: the old numbers keep their places, new ones join them.

What is new starts without a say: it reads everything and writes to new features, but what reads new features for the
old ones begins at zero. The one thing that changes is the norms, which see more features: their scale makes up for it.
New heads look where the motion's two carriers look, and may learn to look beside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel

from engine.errors import Code, EngineError

from .local_heads import GATE
from .motion_heads import CARRIERS

_WHISPER = 0.05
"""Standard deviation of new weights that write to new features."""
_JITTER = 0.2
"""By how much new heads look elsewhere than those they are copied from."""


@dataclass(frozen=True)
class _Modulation:
    """What a linear layer says of a block's norms: so many `parts`, of which some scale and some are gates."""

    parts: int
    scales: tuple[int, ...]
    gates: tuple[int, ...]


_MODULATIONS = {
    "transformer_blocks": _Modulation(6, (1, 4), (2, 5)),
    "single_transformer_blocks": _Modulation(3, (1,), (2,)),
    "norm_out": _Modulation(2, (0,), ()),
    "context_embedder": _Modulation(2, (), ()),
}
"""By how the layers' names begin."""


@torch.no_grad()
def widened(narrow: HunyuanVideoFramepackTransformer3DModel, heads: int) -> HunyuanVideoFramepackTransformer3DModel:
    """A transformer of `heads` heads, each as wide as before, that does nearly what `narrow` does (float32).

    Raises EngineError `choice_invalid` where that is not wider.
    """
    config = dict(narrow.config)
    if heads <= config["num_attention_heads"]:
        least = f"more than {config['num_attention_heads']}"
        raise EngineError(Code.CHOICE_INVALID, name="heads", value=heads, allowed=least)
    size = config["attention_head_dim"]
    old, new = config["num_attention_heads"] * size, heads * size
    wide = HunyuanVideoFramepackTransformer3DModel.from_config({**config, "num_attention_heads": heads})
    state = narrow.state_dict()
    for name, tensor in wide.state_dict().items():
        _extend(name, tensor, state[name].float(), old, new)
    _copy_heads(wide, old, size)
    _compensate(wide, math.sqrt(old / new), old)
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
    modulation = _modulation_of(name)
    parts = modulation.parts if modulation else 1
    for part, told in zip(into.chunk(parts), trained.chunk(parts), strict=True):
        rows = part[: len(told)]
        if told.dim() == 1:
            rows.copy_(told)
            continue
        rows.zero_()
        for place, taken in _columns(name, told.shape[1], old, new):
            rows[:, place] = told[:, taken]


def _modulation_of(name: str) -> _Modulation | None:
    if ".linear" not in name or "norm" not in name:
        return None
    return next((each for kind, each in _MODULATIONS.items() if name.startswith(kind)), None)


def _columns(name: str, inputs: int, old: int, new: int) -> tuple[tuple[slice, slice], ...]:
    """Where a weight's old `inputs` are among its new ones; a single block's output reads heads first, then the MLP."""
    if "single_transformer_blocks" in name and "proj_out" in name:
        mlp = inputs - old
        return (slice(0, old), slice(0, old)), (slice(new, new + mlp), slice(old, inputs))
    return ((slice(0, inputs), slice(0, inputs)),)


def _copy_heads(wide: HunyuanVideoFramepackTransformer3DModel, old: int, size: int) -> None:
    """Let new heads look nearly where the carriers look."""
    for block in (*wide.transformer_blocks, *wide.single_transformer_blocks):
        attention: Any = block.attn
        for query in (attention.to_q, attention.to_k):
            for number, begin in enumerate(range(old, query.out_features, size)):
                carrier = CARRIERS[number % len(CARRIERS)] * size
                query.weight[begin : begin + size] = query.weight[carrier : carrier + size]
                bias = query.bias[carrier : carrier + size]
                query.bias[begin : begin + size] = bias * (1 + _JITTER * torch.randn_like(bias))


def _compensate(wide: HunyuanVideoFramepackTransformer3DModel, factor: float, old: int) -> None:
    """Scale what norms give by `factor`, as more features with nothing in them have made it larger; open new gates."""
    for name, module in wide.named_modules():
        if name.startswith("context_embedder") and isinstance(module, torch.nn.LayerNorm) and module.weight is not None:
            module.weight[:old] *= factor
        modulation = _modulation_of(name)
        if modulation is None:
            continue
        linear: Any = module
        weights, biases = linear.weight.chunk(modulation.parts), linear.bias.chunk(modulation.parts)
        for part in modulation.scales:
            weights[part][:old] *= factor
            biases[part][:old] = factor * (1 + biases[part][:old]) - 1
        for part in modulation.gates:
            biases[part][old:] = GATE
