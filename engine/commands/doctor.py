"""`python -m engine doctor`: what is here and what is missing, a line each, with what to do."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..errors import EngineError

_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "numpy", "pillow", "imageio", "av")
_DISK_WANTED = 50e9
_MEMORY_WANTED = 16e9


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `advice` is empty where all is well."""

    subject: str
    found: str
    advice: str = ""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `doctor` command to the command line."""
    parser = subparsers.add_parser("doctor", help="check versions, devices, memory, disk and models")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print every finding; what is wrong is said in them, so the exit code is always 0."""
    findings = list(_findings())
    for finding in findings:
        ending = f"; {finding.advice}" if finding.advice else ""
        print(f"{'look' if finding.advice else 'ok  '}  {finding.subject}: {finding.found}{ending}")
    return 0


def _findings() -> Iterator[Finding]:
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in _PACKAGES:
        try:
            yield Finding(package, version(package))
        except PackageNotFoundError:
            yield Finding(package, "missing", "press Install Engine in Blender, or run 'python3 dev.py test'")
    yield _devices()
    yield _memory()
    yield from _home()


def _devices() -> Finding:
    import torch

    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count())]
        return Finding("devices", ", ".join(f"{card.name} ({card.total_memory / 2**30:.0f} GiB)" for card in cards))
    if torch.backends.mps.is_available():
        return Finding("devices", "Apple GPU (mps)")
    cores = os.cpu_count() or 1
    return Finding("devices", f"CPU only, {cores} cores", "the 13B models want an NVIDIA GPU of 6 GB or more")


def _memory() -> Finding:
    import psutil

    total = psutil.virtual_memory().total
    found = f"{total / 2**30:.0f} GiB, {psutil.virtual_memory().available / 2**30:.0f} GiB free"
    return Finding("memory", found, "" if total >= _MEMORY_WANTED else "the 13B models want 32 GiB")


def _home() -> Iterator[Finding]:
    from ..models.catalog import find_model, models_home

    home: Path = models_home()
    existing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    advice = "" if free >= _DISK_WANTED else "a 13B model takes about 45 GB"
    yield Finding("disk", f"{free / 1e9:.0f} GB free for models in {home}", advice)
    try:
        model = find_model(None)
        yield Finding("model", f"{model.name} in {model.path}")
    except EngineError as error:
        yield Finding("model", error.sentence.lower(), error.advice)
