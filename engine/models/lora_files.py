"""LoRAs on this machine: files in one folder, known by their names. No torch; a name never becomes a path."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import Code, EngineError
from ..protocol import LORA_WEIGHT_MAXIMUM, Lora
from .checksums import file_sha256
from .paths import loras_home
from .safetensors_headers import WeightsError, check_header


@dataclass(frozen=True)
class LoraFile:
    """A LoRA to be used: its file, how much of it, and its content's SHA-256."""

    name: str
    path: Path
    weight: float
    sha256: str


def installed_loras(home: Path | None = None) -> dict[str, Path]:
    """The LoRAs that are here, by name: the safetensors files in the LoRA folder."""
    folder = loras_home(home)
    found = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    return {path.stem: path for path in found if path.is_file() and not path.name.startswith(".")}


def find_loras(asked: Iterable[Lora], home: Path | None = None) -> tuple[LoraFile, ...]:
    """The files of the LoRAs that a request names, looked through.

    Raises EngineError `lora_unknown`, `lora_invalid` and `number_invalid`.
    """
    here = installed_loras(home)
    files = []
    for lora in asked:
        if not (math.isfinite(lora.weight) and abs(lora.weight) <= LORA_WEIGHT_MAXIMUM):
            allowed = f"a number from -{LORA_WEIGHT_MAXIMUM} to {LORA_WEIGHT_MAXIMUM}"
            raise EngineError(
                Code.NUMBER_INVALID, name=f"the weight of {lora.name}", value=lora.weight, allowed=allowed
            )
        if lora.name not in here:
            folder, known = str(loras_home(home)), ", ".join(here) or "none yet"
            raise EngineError(Code.LORA_UNKNOWN, lora=lora.name, path=folder, known=known)
        path = here[lora.name]
        try:
            check_header(path)
            digest = file_sha256(path)
        except (WeightsError, OSError) as fault:
            raise EngineError(Code.LORA_INVALID, lora=lora.name, detail=str(fault)) from fault
        files.append(LoraFile(lora.name, path, lora.weight, digest))
    return tuple(files)
