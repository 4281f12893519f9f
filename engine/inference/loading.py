"""Loading one component of a model folder: safetensors only, never a pickle, never the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from ..errors import Code, EngineError
from .deferred_modules import WITHOUT_MEMORY, run_deferred
from .memory.allocation_faults import allocation_failed

# Their progress bars would draw over whoever reports the engine's own events.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()

_ADVICE = "run 'python -m engine models verify' on it, or copy or download it again"


def load_network(
    kind: Any, path: Path, dtype: torch.dtype, device: torch.device, prepare: Callable[[Any], None] | None = None
) -> Any:
    """A network in evaluation mode on `device` in `dtype`; weights come through memory-mapped safetensors.

    `kind` is a diffusers or transformers class; `prepare` is called before the network goes to the device. Raises
    EngineError `model_damaged` for anything missing, truncated or of the wrong shape, and `out_of_memory`.
    """
    network = load_part(kind, path, use_safetensors=True, **_dtype_argument(kind, dtype))
    if prepare is not None:
        prepare(network)
    try:
        return network.to(device).eval().requires_grad_(False)
    except Exception as fault:
        if not allocation_failed(fault):
            raise
        raise EngineError(Code.OUT_OF_MEMORY, device=str(device), stage=f"loading the {path.name}") from fault


def load_part(kind: Any, path: Path, **options: Any) -> Any:
    """A tokenizer, processor, scheduler or network from a folder on disk. Raises EngineError `model_damaged`."""
    try:
        try:
            return _read(kind, path, options)
        except NotImplementedError:  # it is made by an operation that nobody has imported for tensors without memory
            if not run_deferred(WITHOUT_MEMORY):
                raise
            return _read(kind, path, options)
    except (MemoryError, OSError, ValueError, KeyError, RuntimeError, SafetensorError) as fault:
        if allocation_failed(fault):
            raise EngineError(Code.OUT_OF_MEMORY, device="cpu", stage=f"loading the {path.name}") from fault
        detail = f"its {path.name} does not load ({' '.join(str(fault).split())[:160]})"
        raise EngineError(Code.MODEL_DAMAGED, path=str(path.parent), detail=detail, advice=_ADVICE) from fault


def _read(kind: Any, path: Path, options: dict[str, Any]) -> Any:
    if issubclass(kind, ConfigMixin):
        return kind.from_pretrained(str(path), local_files_only=True, **options)
    return kind.from_pretrained(str(path), local_files_only=True, trust_remote_code=False, **options)


def _dtype_argument(kind: Any, dtype: torch.dtype) -> dict[str, torch.dtype]:
    return {"torch_dtype" if issubclass(kind, ModelMixin) else "dtype": dtype}
