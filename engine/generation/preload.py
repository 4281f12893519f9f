"""Loading a small model before anybody asks for a shot: an engine that is ready then has to sample and decode alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from ..errors import EngineError
from ..inference.memory.measure import base_memory
from ..inference.registry import Families, spec_of
from ..inference.speed.kernels import WINOGRAD
from ..models.folder import ModelFolder, open_folder
from ..models.spec import Speed
from ..protocol import Board, ShotRequest
from .open_family import FamilyOpener
from .resolve import resolve

_SMALL = 256 * 2**20
"""Bytes of weights, at most: Sketch has 40 million, the next larger model 26 thousand million."""

log = logging.getLogger("shotpack.preload")


def preload(
    families: Families,
    models: Iterable[tuple[str, Path]],
    device: torch.device,
    limit: int | None,
    wanted: Callable[[], bool],
) -> None:
    """Load the first small one of `models` (name and folder), as far as memory allows, for shots of its own size.

    Done network by network, until somebody is `wanted` for something else. On a processor alone: a graphics card's
    memory is left to others until there is a shot. Nothing depends on it: a shot of another kind loads what it needs.
    """
    if device.type != "cpu":
        return
    base_memory()  # what the process holds before any network is loaded
    try:
        for name, path in models:
            model = open_folder(path, name=name, check=False)
            if sum(file.stat().st_size for _, file in model.files()) <= _SMALL:
                _load(families, model, device, limit, wanted)
                return
    except Exception as fault:  # whoever wants a shot of it will be told; nobody is waiting for this one
        log.info("not loaded ahead: %s", fault, exc_info=not isinstance(fault, (EngineError, OSError)))


def _load(
    families: Families, model: ModelFolder, device: torch.device, limit: int | None, wanted: Callable[[], bool]
) -> None:
    spec = spec_of(model)
    board = Board(1, "0" * 64)  # nobody looks at it: a plan is drawn of where it lies
    request = ShotRequest(str(model.path), "", (board,), frames=spec.grid().frames(1))
    resolved = resolve(request, spec, spec.sizes[0])
    opener = FamilyOpener(model, spec, device, WINOGRAD)
    speed = Speed(request.speed)
    extent = opener.extent(resolved.plan, (resolved.width, resolved.height), resolved.guides)
    placed = opener.place(extent, speed, limit, retry=0)
    if not placed.fits:
        return
    for _ in opener.open(families, extent, speed, placed).load():
        if wanted():
            return
