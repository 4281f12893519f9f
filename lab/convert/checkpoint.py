"""A network's folder in diffusers' layout, whose tensors are read one at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from engine.errors import Code, EngineError
from engine.models.safetensors_headers import WeightsError, check_weights

_WEIGHTS = "diffusion_pytorch_model.safetensors"
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Numbers that weights may be, by their names in a safetensors file."""


def impossible(path: Path, detail: str, advice: str) -> EngineError:
    """The error of a model that cannot be converted."""
    return EngineError(Code.CONVERSION_IMPOSSIBLE, path=str(path), detail=detail, advice=advice)


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises EngineError `conversion_impossible`."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as fault:
        raise impossible(path, "it cannot be read as JSON", "copy or download it again") from fault
    if not isinstance(told, dict):
        raise impossible(path, "it holds no JSON object", "copy or download it again")
    return told


class Checkpoint:
    """The weights that diffusers loads from a folder, and the configuration beside them."""

    def __init__(self, folder: Path) -> None:
        """Only headers are read. Raises EngineError `conversion_impossible`, also for pickles, which stay closed."""
        self.folder = folder
        self.config = read_object(folder / "config.json")
        try:
            check_weights(folder)
            index = folder / f"{_WEIGHTS}.index.json"
            files = {*read_object(index)["weight_map"].values()} if index.is_file() else {_WEIGHTS}
            self._files: dict[str, Path] = {}
            self.entries: dict[str, tuple[tuple[int, ...], str]] = {}
            """Shape and name of the numbers of each tensor."""
            for file in sorted(files):
                self._read_header(folder / file)
        except (WeightsError, OSError, SafetensorError) as fault:
            advice = "use safetensors in diffusers' layout, as save_pretrained writes them, whole"
            raise impossible(folder, str(fault), advice) from fault

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor. The file is opened for it alone: what was read before takes no memory any more."""
        with safe_open(self._files[name], framework="pt") as file:
            tensor: torch.Tensor = file.get_tensor(name)
        return tensor

    def _read_header(self, path: Path) -> None:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  # it is no mapping
                part = file.get_slice(name)
                self._files[name] = path
                self.entries[name] = tuple(part.get_shape()), str(part.get_dtype())
