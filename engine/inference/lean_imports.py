"""Importing what a shot needs and no more: torch, diffusers and transformers import whatever they find installed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import EngineError
from ..models.folder import open_folder

_LORA_TRAINING = "peft"
"""Diffusers' library for LoRAs, for the laboratory alone: `lora_merge.py` does without."""
_EIGHT_BITS = "torchao"
"""For `speed/quantize.py`: only where a graphics card may have to hold weights in 8 bits."""


@contextmanager
def lean_imports(*left_out: str) -> Iterator[None]:
    """What is imported within comes without the packages `left_out`, and is not looked through for garbage meanwhile.

    They count as not installed until the end, for libraries that look for them when they are imported themselves; one
    that is imported already stays.
    """
    hidden = [package for package in left_out if package not in sys.modules]
    # Python's own way of saying that there is no such module (the import system's "module cache").
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    collects = gc.isenabled()
    gc.disable()  # half a million objects come to stay: every look through them is in vain
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]
        gc.freeze()
        if collects:
            gc.enable()


def import_families(models: Iterable[tuple[str, Path]], device: str, *, fast: bool = True) -> None:
    """Import what shots of these models (name and folder) run on, on `device`; with `fast` also for fast ones.

    A model that is damaged says so when it is used.
    """
    with lean_imports(_LORA_TRAINING):
        eight_bits = fast and _may_be_a_graphics_card(device)
        with lean_imports(*([] if eight_bits else [_EIGHT_BITS])):
            from .registry import load_classes

            for name, path in models:
                with suppress(EngineError):
                    load_classes(open_folder(path, name=name, check=False))


def _may_be_a_graphics_card(device: str) -> bool:
    import torch

    return device != "cpu" and torch.cuda.is_available()
