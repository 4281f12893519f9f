"""The lab's transformer: small, of diffusers' own blocks, with an input layer for every kernel that is tried."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.framepack.history import PackedContext
from engine.framepack.packing import parse
from engine.inference.hunyuan.packed_embed import RELEASED_KERNELS, Size, layer_name, spread
from engine.inference.hunyuan.packed_inputs import packed_blocks
from engine.inference.hunyuan.packed_transformer import PackedTransformer
from engine.media.files import write_whole
from training.networks.architecture import new_transformer
from training.networks.local_heads import start_local
from training.networks.motion_heads import start_motion
from training.train_text import RATE_UNIT

from .experiment import Variant

KERNELS: tuple[Size, ...] = (*RELEASED_KERNELS, (1, 4, 4))
HEADS, DOUBLE, SINGLE = 5, 1, 4
_COARSE = 0.5
"""What is seen coarsely starts weaker, as `start_local` has it."""


def new_network(seed: int) -> PackedTransformer:
    """A fresh one of four million weights, begun as Sketch's: it looks at its neighbours and along what words say."""
    torch.manual_seed(seed)
    released = new_transformer(HEADS, DOUBLE, SINGLE)
    start_local(released)
    start_motion(released, RATE_UNIT)
    return begun(released.state_dict(), KERNELS, strength=_COARSE)


def kernels_of(variant: Variant) -> tuple[Size, ...]:
    """The base's kernels, and what a variant's schedule has beyond them."""
    schedule = parse(variant.schedule)
    blocks = schedule.before + schedule.after
    own = ((block.kernel.frames, block.kernel.rows, block.kernel.columns) for block in blocks)
    return tuple(dict.fromkeys((*KERNELS, *own)))


def begun(
    weights: dict[str, torch.Tensor],
    kernels: tuple[Size, ...],
    fresh: str = "spread",
    seed: int = 0,
    kind: type[PackedTransformer] = PackedTransformer,
    *,
    strength: float = 1.0,
) -> PackedTransformer:
    """A transformer with `weights` and input layers for `kernels`; those that it lacks are `fresh`.

    `spread` from the finest kernel's times `strength`, or `random` as a new layer is, drawn by `seed`.
    """
    torch.manual_seed(seed)
    config = dict(new_transformer(HEADS, DOUBLE, SINGLE).config)
    network: PackedTransformer = kind.from_config(config, kernels=[list(kernel) for kernel in kernels])
    own = dict(network.state_dict())
    finest = weights["clean_x_embedder.proj.weight"].float()
    for kernel in kernels:
        name = f"clean_x_embedder.{layer_name(kernel)}"
        if fresh == "spread" and f"{name}.weight" not in weights:
            own[f"{name}.weight"] = strength * spread(finest, kernel)
            own[f"{name}.bias"] = weights["clean_x_embedder.proj.bias"].float()
    network.load_state_dict({**own, **weights})
    return network


def velocity(
    network: PackedTransformer,
    noised: torch.Tensor,
    sigma: torch.Tensor,
    context: PackedContext,
    told: dict[str, torch.Tensor],
    *,
    precise: bool = False,
) -> torch.Tensor:
    """What `network` says of `noised` (B, C, T, h, w) at noise levels `sigma` (B,): float32, with gradients.

    In bfloat16 where autocast knows it, but where it is to be `precise`; `told` is what `bank.told` gives. There is no
    guidance in the lab: it is 1.
    """
    # In training: of sequences this short, processors are slow at the flash kernel's way back.
    kernels = [SDPBackend.MATH] if torch.is_grad_enabled() else [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
    with torch.autocast(noised.device.type, torch.bfloat16, enabled=not precise), sdpa_kernel(kernels):
        said: torch.Tensor = network(
            hidden_states=noised,
            timestep=sigma * 1000,
            indices_latents=context.generated,
            guidance=torch.full_like(sigma, 1000.0),
            blocks=packed_blocks(context, noised.device, noised.dtype),
            return_dict=False,
            **told,
        )[0]
    return said.float()


def look(
    network: PackedTransformer,
    noise: torch.Tensor,
    context: PackedContext,
    told: dict[str, torch.Tensor],
    *,
    precise: bool = False,
) -> torch.Tensor:
    """What `network` takes a section to be (B, C, T, h, w) where it sees nothing of it but `noise`, in one call."""
    return noise - velocity(network, noise, torch.ones(len(noise)), context, told, precise=precise)


def write_weights(network: nn.Module, path: Path) -> None:
    """All weights in bfloat16: eight megabytes."""
    state = {name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in network.state_dict().items()}
    write_whole(path, save(state))


def read_weights(network: nn.Module, path: Path) -> None:
    """What `write_weights` wrote, into `network`."""
    network.load_state_dict(load_file(path))
