"""Importing what a shot needs and no more: torch, diffusers and transformers import whatever they find installed.

A process of the engine's own, a worker or one shot of the command line, waits for `import_families` before anything
else; that takes about half of the time so. Where a library has moved what is named here, it is imported as ever. What
stays different in such a process: functions that diffusers and transformers mark for torch's compiler are not marked
(they compute the same; only who compiles them himself might see it), and transformers holds torch for built without
several processes. A process that has imported one of the three libraries before is somebody's own: there nothing but
`_LORA_TRAINING` and `_EIGHT_BITS` is left out, and those only meanwhile.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import EngineError
from ..models.folder import open_folder
from .deferred_modules import WITHOUT_MEMORY, defer, is_deferred, run_before, run_deferred

_LIBRARIES = {"torch", "diffusers", "transformers"}
_LORA_TRAINING = "peft"
"""Diffusers' library for LoRAs, for the laboratory alone: `lora_merge.py` does without."""
_EIGHT_BITS = "torchao"
"""For `speed/quantize.py`: only where a graphics card may have to hold weights in 8 bits."""
_COMPILER = "torch._dynamo"
"""torch's compiler: only a graphics card's blocks are ever compiled (`speed/compile.py`)."""
_MARKS = ("allow_in_graph", "assume_constant_result", "disable")
"""Its decorators that both libraries use: a function is the same with and without, unless it is compiled."""
_EVERY_MODEL = tuple(f"diffusers.models.{kind}" for kind in ("autoencoders", "transformers", "unets"))
"""Packages of diffusers whose `__init__` imports every model of a kind; one of these makes transformers' run, too."""
_PLACES = {
    "AutoImageProcessor": "transformers.models.auto.image_processing_auto",
    "AutoTokenizer": "transformers.models.auto.tokenization_auto",
    "CLIPTextModel": "transformers.models.clip.modeling_clip",
    "LlamaModel": "transformers.models.llama.modeling_llama",
    "PreTrainedModel": "transformers.modeling_utils",
    "SiglipVisionModel": "transformers.models.siglip.modeling_siglip",
    "UMT5EncoderModel": "transformers.models.umt5.modeling_umt5",
}
"""Where transformers has what families and diffusers need of it: its own `__init__`, asked for any other name, reads a
thousand files to know."""


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
    ours = not _LIBRARIES & sys.modules.keys()
    with lean_imports(_LORA_TRAINING), ExitStack() as meanwhile:
        without_memory = defer(WITHOUT_MEMORY) if ours else None
        import torch
        import torch._prims  # which it brings: without it torch makes no generator

        if without_memory is not None:
            setattr(torch, WITHOUT_MEMORY.rpartition(".")[2], without_memory)
        if fast and device != "cpu" and torch.cuda.is_available():
            run_deferred(WITHOUT_MEMORY)
        else:
            meanwhile.enter_context(lean_imports(_EIGHT_BITS))
            if ours:
                meanwhile.enter_context(_no_compiler())
                # A shot has one device.
                meanwhile.enter_context(_replaced(torch.distributed, "is_available", lambda: False))
        if ours:
            meanwhile.enter_context(_no_lists())
        from .registry import load_classes

        for name, path in models:
            with suppress(EngineError):
                load_classes(open_folder(path, name=name, check=False))


@contextmanager
def _no_compiler() -> Iterator[None]:
    """What is imported within does not import torch's compiler: its marks leave functions as they are.

    Afterwards it is as if nobody had asked for it yet.
    """
    compiler = defer(_COMPILER)
    if compiler is None:
        yield
        return
    compiler.__dict__.update(dict.fromkeys(_MARKS, _unmarked))
    try:
        yield
    finally:
        if is_deferred(_COMPILER):
            package, _, name = _COMPILER.rpartition(".")
            del sys.modules[_COMPILER], sys.modules[package].__dict__[name]
        run_before(WITHOUT_MEMORY, _COMPILER)


@contextmanager
def _no_lists() -> Iterator[None]:
    """Let diffusers and transformers import what they are asked for, and make no list of all that there is."""
    transformers = defer("transformers", _PLACES)
    if transformers is None:
        yield
        return
    transformers.__dict__["__version__"] = version("transformers")
    defer("transformers.models")
    for package in _EVERY_MODEL:
        with suppress(ImportError):
            importlib.import_module(package.rpartition(".")[0])
            defer(package)
    # For its processors' module, which runs its own package once more.
    utils = importlib.import_module("transformers.utils")
    with _replaced(utils, "direct_transformers_import", lambda _: sys.modules["transformers"]):
        yield


@contextmanager
def _replaced(module: ModuleType, name: str, by: Callable[..., Any]) -> Iterator[None]:
    """Within, `module` has another function by this `name`, if it has one."""
    before = getattr(module, name, None)
    if before is not None:
        setattr(module, name, by)
    try:
        yield
    finally:
        if before is not None:
            setattr(module, name, before)


def _unmarked(function: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    """One of `_MARKS`, with or without arguments."""
    return _unmarked if function is None else function
