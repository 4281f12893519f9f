"""Importing what a shot needs and no more: torch, diffusers and transformers import whatever else they find installed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LORA_TRAINING = "peft"
"""Diffusers' library for LoRAs, for the laboratory alone: `inference/lora_merge.py` does without."""
EIGHT_BITS = "torchao"
"""For `inference/speed/quantize.py`: only where a graphics card may have to hold weights in 8 bits."""


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
