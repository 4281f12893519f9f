"""What a transformer is trained by: Muon for the matrices of its blocks, AdamW for everything else."""

from __future__ import annotations

import torch
from torch import nn

_MUON_RATE = 4e-3
_ADAM_RATE = 1.5e-3


def optimizers_of(networks: nn.Module, rate: float, *, muon: bool = True) -> dict[str, torch.optim.Optimizer]:
    """Optimisers, by name, for all of `networks` that is trained; `rate` multiplies their learning rates.

    Without `muon` AdamW has the matrices too, which costs a fifth less of a small network's step.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in networks.named_parameters():
        if not parameter.requires_grad:
            continue
        in_block = "transformer_blocks" in name and parameter.dim() == 2 and ".norm" not in name and "lora" not in name
        (matrices if in_block and muon else others).append(parameter)
    optimizers: dict[str, torch.optim.Optimizer] = {}
    if matrices:
        optimizers["muon"] = torch.optim.Muon(
            matrices, lr=_MUON_RATE * rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
        )
    optimizers["adamw"] = torch.optim.AdamW(
        others, lr=_ADAM_RATE * rate, betas=(0.9, 0.97), weight_decay=0.0, fused=True
    )
    return optimizers
