"""The codebook of a model's discrete history, from its folder (`framepack/codebook.py` says what is done with it)."""

from __future__ import annotations

import safetensors
import torch

from ..models.folder import CODEBOOK, ModelFolder
from ..models.spec import ModelSpec

_TENSOR = "codebook"


def load_codebook(folder: ModelFolder, spec: ModelSpec) -> torch.Tensor:
    """Its entries (size, latent channels) float32, on the CPU. Raises EngineError `model_damaged`."""
    use = spec.codebook
    if use is None:
        raise ValueError("this model has no codebook")
    path = folder.components[CODEBOOK] / use.file
    try:
        with safetensors.safe_open(path, "pt") as file:
            entries: torch.Tensor = file.get_tensor(_TENSOR)
    except (OSError, safetensors.SafetensorError) as fault:
        raise folder.damage(f"its {CODEBOOK}/{use.file} holds no tensor '{_TENSOR}' that can be read") from fault
    wanted = (use.size, spec.latent_channels)
    if entries.shape != wanted or not entries.is_floating_point() or not entries.isfinite().all():
        detail = f"its {CODEBOOK}/{use.file} holds a tensor {tuple(entries.shape)}, and not finite numbers {wanted}"
        raise folder.damage(detail)
    return entries.float()
