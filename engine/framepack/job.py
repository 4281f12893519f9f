"""One shot from request to finished folder: the path that the command line and the server's workers share."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import Code, EngineError
from ..media.boards import BoardPicture, fitting_size
from ..media.files import make_folder
from ..media.lock import folder_lock
from ..models.cache_choice import CacheChoice, parse_cache
from ..models.checksums import fingerprint, require_intact
from ..models.families import Families, choose_device, spec_of
from ..models.folder import ModelFolder
from ..models.spec import USUAL, ModelSpec, Thrift
from ..protocol import Event, Finished, Progress, ShotRequest, to_json
from .checkpoint import ShotFolder, require_space
from .generate import Shot
from .request import AMENDABLE, Brief, settle

_BYTES_PER_PIXEL = 2
"""Disk a frame's pixel takes at most in practice: a PNG, its provisional copy and its share of the latents."""


@dataclass(frozen=True)
class Job:
    """A request that passed every check and may run: nothing is on disk yet."""

    brief: Brief
    model: ModelFolder
    spec: ModelSpec
    device: torch.device
    cache: CacheChoice | None
    folder: ShotFolder


def prepare(request: ShotRequest, start: BoardPicture, model: ModelFolder, device: str, out: Path) -> Job:
    """Check everything that can be checked before work begins; nothing is written.

    `start` is the start board's picture. Raises EngineError for whatever is wrong with request, model, device or disk.
    """
    spec = spec_of(model)
    size = fitting_size(start.width, start.height, spec.sizes, multiple=spec.size_multiple, limits=spec.side_limits)
    brief = settle(request, spec, size)
    cache = parse_cache(request.cache, spec)
    chosen = choose_device(device)
    folder = ShotFolder(out)
    if not folder.taken():  # a shot that is resumed has taken some of its space already
        require_space(out, brief.request.frames * brief.width * brief.height * _BYTES_PER_PIXEL)
    return Job(brief, model, spec, chosen, cache, folder)


def run(
    job: Job,
    pictures: Mapping[str, BoardPicture],
    *,
    resume: bool,
    watched: bool = True,
    save_latents: Path | None = None,
    families: Families | None = None,
    thrift: Thrift = USUAL,
    revised: Callable[[], ShotRequest | None] | None = None,
) -> Generator[Event]:
    """Make the shot; `pictures` holds the boards by SHA-256. Ends with Finished or raises EngineError.

    With `resume` a shot begun here goes on where it stopped, and a finished one is left as it is; without, a folder
    that holds a shot is refused. `watched` asks for previews and provisional frames (`Shot`). `save_latents` is where
    all latents go in the end. `families` keeps the model for the next shot. `revised` is asked before each section for
    a request that differs in what may change while a shot is made (`AMENDABLE`), or None; where it is given, `job` may
    differ so from what the folder was begun with. Closing the iterator stops the work; finished sections stay.
    """
    folder, brief = job.folder, job.brief
    if folder.taken() and not resume:
        raise EngineError(Code.FOLDER_TAKEN, path=str(folder.root))
    yield Progress("checking the model")
    require_intact(job.model)
    model = {"weights": fingerprint(job.model), "settings": _digest(job.spec)}
    if job.spec.trained_orders and brief.plan.order not in job.spec.trained_orders:
        trained = " and ".join(job.spec.trained_orders)
        yield Progress(f"this model was trained for {trained} order; in {brief.plan.order} order it may drift or jump")
    make_folder(folder.lock.parent)
    with folder_lock(folder.lock, folder.root):
        stored = folder.stored_request()
        if stored is None:
            folder.begin(brief.request, model, {sha256: picture.data for sha256, picture in pictures.items()})
        else:
            _require_same(folder, stored, brief.request, model, () if revised is None else AMENDABLE)
            if stored[0] != brief.request:
                folder.amend(brief.request)
        family = (families or Families()).open(job.model, job.spec, job.device, job.cache, thrift)

        def revision() -> Brief | None:
            request = revised() if revised is not None else None
            return None if request is None else settle(request, job.spec, (brief.width, brief.height))

        shot = Shot(brief, family, folder, model=model["weights"], watched=watched, revised=revision)
        if shot.complete():
            yield Finished(brief.request.frames, 0.0, folder.movie.name)
        else:
            yield from shot.events()
        if save_latents is not None:
            shot.export_latents(save_latents)


def _digest(spec: ModelSpec) -> str:
    """A digest of everything a `shotpack.json` may change about how a shot is made."""
    described = json.dumps(dataclasses.asdict(spec) | {"title": "", "licence": ""}, sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()


def _require_same(
    folder: ShotFolder,
    stored: tuple[ShotRequest, dict[str, str]],
    request: ShotRequest,
    model: dict[str, str],
    amendable: Collection[str],
) -> None:
    """Raise EngineError `resume_mismatch` naming the first thing that differs from what the folder was begun with.

    The request's fields in `amendable` may differ.
    """
    # The same weights may lie elsewhere by now: their digest decides, not their name.
    was = to_json(stored[0]) | {"model": stored[1].get("weights"), "model settings": stored[1].get("settings")}
    now = to_json(request) | {"model": model["weights"], "model settings": model["settings"]}
    for name, before in was.items():
        if before != now[name] and name not in amendable:
            raise EngineError(
                Code.RESUME_MISMATCH, path=str(folder.root), name=name, was=str(before), now=str(now[name])
            )
