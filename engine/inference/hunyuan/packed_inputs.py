"""A packed context as FramePack's transformers take it; when a shot is made, and in training."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import torch

from .packed_transformer import PackedFrames

if TYPE_CHECKING:
    from ...framepack.history import PackedContext
    from ...models.spec import ModelSpec


def context_inputs(context: PackedContext, spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """`context` as keyword arguments of the transformer, with latents on `device` in `dtype`.

    As blocks, or under the names of diffusers' class, which has full-size, 2x and 4x frames with indices.
    """
    inputs: dict[str, Any] = {"indices_latents": context.generated}
    if spec.packed:
        return inputs | {"blocks": packed_blocks(context, device, dtype)}
    held = {astuple(block.kernel) for block in context.blocks}
    for name, kernel in zip(("clean", "history_2x", "history_4x"), spec.kernels, strict=True):
        if kernel in held:
            packed = context.of_kernel(kernel)
            inputs[f"latents_{name}"] = packed.latents.to(device, dtype)
            inputs[f"indices_latents_{name}"] = packed.indices
    return inputs


def packed_blocks(context: PackedContext, device: torch.device, dtype: torch.dtype) -> list[PackedFrames]:
    """The blocks of `context` in time order, with latents on `device` in `dtype`; indices stay where they are."""
    return [
        PackedFrames(
            (block.kernel.frames, block.kernel.rows, block.kernel.columns),
            block.latents.to(device, dtype),
            block.indices,
        )
        for block in context.blocks
    ]
