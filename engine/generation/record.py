"""`shot.json`: everything that made a shot, for provenance and for making it again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..framepack.layout import Selection
from ..media.number_runs import numbers_text
from ..media.shot_digests import file_digests
from ..serialization import to_json, without_defaults
from .resolve import ResolvedRequest
from .shot_folder import ShotFolder
from .time_left import Clock

_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "numpy", "pillow")


def shot_record(
    resolved: ResolvedRequest,
    model: dict[str, str],
    device: torch.device,
    clock: Clock,
    folder: ShotFolder,
    circumstances: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of a finished shot; `model` holds name, family and fingerprint, `circumstances` memory and kernels.

    Times are seconds, sizes bytes; `sha256` is that of each frame's file and the movie's, which must be there.
    """
    plan = resolved.plan
    sections = [
        {**to_json(section), "latents": folder.latents_file(planned.number).relative_to(folder.root).as_posix()}
        | {"decoded_latents": len(planned.decode.latents), "seconds": seconds}
        | without_defaults(made)
        | _selected(folder.selection(planned.number))
        for section, planned in zip(resolved.section_plans(), plan.made, strict=True)
        for made, seconds in (folder.facts(planned.number),)
    ]
    return (
        _take(resolved, folder)
        | _between(resolved)
        | {
            "request": to_json(resolved.request),
            "model": model,
            "plan": {"model_frames": plan.frames, "sections": sections},
            "versions": versions(),
            "device": str(device),
            **circumstances,
            "sha256": file_digests(folder.root, [*_frames(resolved, folder), folder.movie]),
            "seconds": clock.rounded(),
        }
    )


def _selected(selection: Selection | None) -> dict[str, Any]:
    """The latents of its history that a section saw, where they were chosen, block by block in time order."""
    return {} if selection is None else {"selection": selection}


def versions() -> dict[str, str]:
    """What of a shot's making may differ by its version."""
    return {"python": platform.python_version()} | {package: version(package) for package in _PACKAGES}


def _between(resolved: ResolvedRequest) -> dict[str, Any]:
    """Which frames lie between two of the model's, where any do, and what made them."""
    frames = [frame for frame, source in enumerate(resolved.sources, 1) if source.part]
    return {"between": {"by": resolved.request.between, "frames": numbers_text(frames)}} if frames else {}


def _frames(resolved: ResolvedRequest, folder: ShotFolder) -> list[Path]:
    return [folder.files.frame(frame) for frame in range(1, resolved.request.frames + 1)]


def _take(resolved: ResolvedRequest, folder: ShotFolder) -> dict[str, Any]:
    """What a take's record says beside: which it continues, what was made again, and which file shows each frame."""
    if folder.parent is None:
        return {}
    remade = sorted(planned.section + 1 for planned in resolved.plan.made if not folder.is_kept(planned.number))
    names = [path.name for path in _frames(resolved, folder)]
    files = folder.files
    return {
        "take": files.take,
        "parent": files.begun.parent,
        "remade": remade,
        "movie": files.movie.name,
        "frames": names,
    }
