"""One shot from request to finished folder: the path that the command line and the server's workers share."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from ..errors import Code, EngineError
from ..events import Event, Finished, Progress
from ..finishing.in_between import choose_between
from ..framepack.decoding import WAITING_BYTES, waiting_frames
from ..framepack.grid import Seam
from ..inference.codebook import load_codebook
from ..inference.memory.measure import Account, base_memory, measure_room
from ..inference.memory.out_of_memory import memory_faults
from ..inference.memory.placement import GIB, Placed
from ..inference.registry import Families, choose_device, spec_of
from ..inference.speed.kernels import TORCH_CHOICE, WINOGRAD
from ..inference.speed.step_cache_choice import CacheChoice, parse_cache
from ..media.boards import BoardPicture
from ..media.files import make_folder, require_space
from ..media.guide_files import require_same_size
from ..media.lock import folder_lock
from ..models.checksums import fingerprint, require_intact
from ..models.folder import ModelFolder
from ..models.guide_use import AS_A_VIDEO
from ..models.lora_files import LoraFile, find_loras
from ..models.paths import cache_home
from ..models.spec import ModelSpec, Speed
from ..picture_sizes import fitting_size
from ..protocol import ShotRequest
from ..serialization import to_json
from .encoding_cache import EncodingCache
from .open_family import FamilyOpener
from .resolve import AMENDABLE, SAID_ONLY, ResolvedRequest, resolve
from .sampling_loop import Shot
from .shot_folder import ShotFolder
from .takes import FREE, begin_take, of_sampled, require_continuable, require_parent

_BYTES_PER_PIXEL = 2
"""Disk a frame's pixel takes at most in practice: a PNG, its provisional copy and its share of the latents."""

_STRETCHES = "stretches"
"""What a shot's folder says of boards within it where each begins a stretch; those of 0.1.0 say nothing."""

_STORED_NAMES = {
    "uses_image_encoder": "sees",
    "separate_first_latent": "first_apart",
    "pyramid_stages": "stages",
    "variant": "traits",
}
"""What fields of `ModelSpec` were called when the first shots were begun: their folders hold a digest with these."""

_FIRST_CAUSAL = ("overlap", 2), ("head", 0)
"""How shots with causal seams were decoded whose folders do not say."""

log = logging.getLogger("shotpack.job")


@dataclass(frozen=True)
class Memory:
    """How a job may use its device."""

    limit: int | None = None
    """Bytes it may take at most; None: all that is free."""
    retry: int = 0
    """How often memory ran out on this job before."""


ALL_THERE_IS = Memory()


@dataclass(frozen=True)
class Job:
    """A request that passed every check and may run: nothing is on disk yet."""

    resolved: ResolvedRequest
    model: ModelFolder
    spec: ModelSpec
    device: torch.device
    cache: CacheChoice | None
    folder: ShotFolder
    loras: tuple[LoraFile, ...] = ()
    pinned: bool = False
    """Whether boards within the shot are planned as 0.1.0 did (`plan_through`)."""


def prepare(
    request: ShotRequest, pictures: Mapping[str, BoardPicture], model: ModelFolder, device: str, out: Path
) -> Job:
    """Check everything that can be checked before work begins; nothing is written.

    `pictures` holds boards and clip by SHA-256. Raises EngineError for whatever is wrong with request, model, device
    or disk.
    """
    for held in [held for condition in request.conditions for held in condition.frames]:
        if held.seen is not None:
            require_same_size(pictures[held.image], pictures[held.seen], held.frame)
    if request.take is not None:
        request = dataclasses.replace(request, take=of_sampled(out, request.take))
    take = request.take
    folder = ShotFolder(out) if take is None else ShotFolder(out, take.number)
    stored = folder.stored_request()
    if stored is None and take is not None:
        stored = require_parent(folder, take)
    # A shot of 0.1.0 goes on as it was begun, to the bit: it held boards fast inside its sections.
    pinned = stored is not None and stored[1].get("boards") != _STRETCHES
    spec = spec_of(model) if stored is None else _as_begun(spec_of(model), stored[1])
    resolved = resolve(request, spec, _size_of(request, pictures, spec), pinned=pinned)
    if resolved.request.between:
        choose_between(resolved.request.between)
    cache = parse_cache(resolved.request.cache or "none", spec)
    chosen = choose_device(device)
    if not folder.taken():  # a shot that is resumed has taken some of its space already
        require_space(out, disk_bytes(resolved), "the shot")
    return Job(resolved, model, spec, chosen, cache, folder, find_loras(request.loras), pinned)


def disk_bytes(resolved: ResolvedRequest) -> int:
    """Bytes that a shot takes on disk at most while it is made.

    Its frames, and what waits for neighbours: after each section that is written anew beside what waited before.
    """
    waiting = waiting_frames(planned.decode for planned in resolved.plan.made)
    both = max(before + after for before, after in pairwise([0, *waiting]))
    pixels = resolved.width * resolved.height
    return pixels * (resolved.request.frames * _BYTES_PER_PIXEL + both * WAITING_BYTES)


def run(
    job: Job,
    pictures: Mapping[str, BoardPicture],
    *,
    resume: bool,
    watched: bool = True,
    save_latents: Path | None = None,
    families: Families | None = None,
    memory: Memory = ALL_THERE_IS,
    revised: Callable[[], ShotRequest | None] | None = None,
    asked: Callable[[], bool] = lambda: False,
    stop_after: int = 0,
    locked: bool = False,
) -> Generator[Event]:
    """Make the shot; `pictures` holds boards and clip by SHA-256. Ends with Finished or raises EngineError.

    With `resume` a shot begun here goes on where it stopped, and a finished one is left as it is; without, a folder
    that holds a shot is refused. `watched` asks for previews and provisional frames (`Shot`). `save_latents` is where
    all latents go in the end. `families` keeps the model for the next shot. `revised` is asked before each section for
    a request that differs in what may change while a shot is made (`AMENDABLE`), or None; where it is given, `job` may
    differ so from what the folder was begun with. `asked` tells, in work that takes long between two events, whether
    the next one is wanted soon. Where whoever reads means to stop after `stop_after` sections, the last of them is told
    before anything is done for the next. Closing the iterator stops the work; finished sections stay.
    With `locked` whoever calls holds the folder's lock.

    Where memory runs out, the job is tried once more with the next leaner placement; finished sections stay then too.
    An error thrown into the iterator counts as one that happened inside.
    """
    folder, resolved = job.folder, job.resolved
    if folder.taken() and not resume:
        raise EngineError(Code.FOLDER_TAKEN, path=str(folder.root))
    base_memory()  # what the process holds before any network is loaded
    yield Progress("checking the model")
    require_intact(job.model)
    model = {"weights": fingerprint(job.model), "settings": _digest(job.spec, resolved.request)}
    if job.loras:
        model["loras"] = json.dumps({lora.name: lora.sha256 for lora in job.loras}, sort_keys=True)
    if job.spec.trained_orders and resolved.plan.order not in job.spec.trained_orders:
        trained = " and ".join(job.spec.trained_orders)
        yield Progress(
            f"this model was trained for {trained} order; in {resolved.plan.order} order it may drift or jump"
        )
    families = families or Families()

    def revision() -> ResolvedRequest | None:
        nonlocal resolved
        request = revised() if revised is not None else None
        if request is None:
            return None
        resolved = resolve(request, job.spec, (resolved.width, resolved.height), pinned=job.pinned)
        return resolved

    def attempt(retry: int) -> Generator[Event]:
        opener = FamilyOpener(job.model, job.spec, job.device, convolution, job.cache, job.loras)
        speed = Speed(resolved.request.speed)
        extent = opener.extent(resolved.plan, (resolved.width, resolved.height), resolved.guides)
        placed = opener.place(extent, speed, memory.limit, retry)
        if said := _told(placed, job.device, memory.limit):
            yield Progress(said)
        family = opener.open(families, extent, speed, placed)
        with Account(placed, job.device) as account:
            shot = Shot(
                resolved,
                family,
                folder,
                model=model["weights"],
                watched=watched,
                revised=revision,
                circumstances=lambda: {"memory": account.record(), "kernels": dataclasses.asdict(family.kernels)},
                asked=asked,
                stop_after=stop_after,
                cache=EncodingCache(cache_home() / "encodings", _encoders(job, model, placed)),
                codebook=load_codebook(job.model, job.spec) if resolved.schedule.discrete else None,
            )
            if shot.complete():
                yield Finished(resolved.request.frames, 0.0, folder.movie.name)
            else:
                yield from shot.events()
        if save_latents is not None:
            shot.export_latents(save_latents)

    make_folder(folder.lock.parent)
    with nullcontext() if locked else folder_lock(folder.lock, folder.root):
        stored = folder.stored_request()
        # A shot goes on as it was begun, to the bit; in 0.1.0 decoders convolved by PyTorch's own choice.
        base = stored
        if stored is None and resolved.request.take is not None:
            base = require_parent(folder, resolved.request.take)
        convolution = WINOGRAD if base is None else base[1].get("convolution", TORCH_CHOICE)
        if stored is None:
            begun = model | {"convolution": convolution, "seam": str(job.spec.seam)}
            if job.spec.seam is Seam.CAUSAL:
                begun |= {"overlap": str(job.spec.overlap), "head": str(job.spec.head)}
            begun |= {} if job.pinned else {"boards": _STRETCHES}
            continues = None if base is None else _continues(job, base, model)
            images = {sha256: picture.data for sha256, picture in pictures.items()}
            folder.begin(resolved.request, begun, images, continues)
        else:
            _require_same(
                folder, stored, resolved.request, model, SAID_ONLY if revised is None else (*SAID_ONLY, *AMENDABLE)
            )
            if stored[0] != resolved.request:
                folder.amend(resolved.request)
            folder.sweep()  # also of a finished shot: its latents may have been on their way to a file
        try:
            with memory_faults(job.device, "making the shot"):  # where nothing closer by says during what
                yield from attempt(memory.retry)
            return
        except EngineError as error:
            if error.code is not Code.OUT_OF_MEMORY:
                raise
            log.warning("%s Trying once more.", error.line)
            error.__traceback__ = None  # whoever threw it in may hold it, and with it all that its traceback does
        # Here the error is gone, and with it everything that it held.
        families.close()
        yield Progress("out of memory; trying once more with less at a time")
        with memory_faults(job.device, "making the shot"):
            yield from attempt(memory.retry + 1)


def _as_begun(spec: ModelSpec, begun: Mapping[str, str]) -> ModelSpec:
    """What a shot goes on by that was `begun` so: before there were causal seams, neighbours were blended."""
    if spec.seam is Seam.CAUSAL and begun.get("seam") != spec.seam:
        return dataclasses.replace(spec, seam=Seam.BLEND, overlap=0, head=0)
    if spec.seam is Seam.CAUSAL:
        overlap, head = (str(begun.get(name, before)) for name, before in _FIRST_CAUSAL)
        if overlap.isdecimal() and head.isdecimal():
            return dataclasses.replace(spec, overlap=int(overlap), head=int(head))
    return spec


def _continues(job: Job, before: tuple[ShotRequest, dict[str, str]], model: dict[str, str]) -> dict[str, Any]:
    """What `job` keeps of the shot `before`, for its folder. Raises EngineError where it cannot continue that."""
    _require_same(job.folder, before, job.resolved.request, model, FREE)
    stored = resolve(before[0], job.spec, (job.resolved.width, job.resolved.height), pinned=job.pinned)
    require_continuable(job.folder, stored, job.resolved)
    return begin_take(job.folder, stored, job.resolved)


def _size_of(request: ShotRequest, pictures: Mapping[str, BoardPicture], spec: ModelSpec) -> tuple[int, int]:
    """The size that fits what the shot starts from: its board, its clip, or what the model makes best."""
    starts = [*request.clip, *(board.image for board in request.boards if board.frame == 1)]
    if not starts:
        return spec.sizes[0]
    start = pictures[starts[0]]
    return fitting_size(start.width, start.height, spec.sizes, multiple=spec.size_multiple, limits=spec.side_limits)


def _encoders(job: Job, model: Mapping[str, str], placed: Placed) -> str:
    """Everything beside its content that decides how a prompt or board is encoded."""
    return json.dumps([model, job.device.type, placed.placement.half_precision])


def _told(placed: Placed, device: torch.device, limit: int | None) -> str:
    """What the artist is told of where the model lives; nothing where all of it stays on the device."""
    about = f"about {placed.peak / GIB:.1f} GB of memory"
    if not placed.fits:
        limited = limit is not None and limit < measure_room(device).free
        why = f"the limit is {limit / GIB:.4g} GB" if limit and limited else "less is free"
        return f"{about} wanted, and {why}; a smaller picture needs less"
    return f"{about} on {device}: {placed.placement.words}" if placed.placement.words else ""


_LATER = ("packed", "packing", "tails", "codebook")
"""Fields of `ModelSpec` that came after the first shots, which had none of that."""
_LATER_OF_GUIDE = ("noise", "shift", "alone", "context")
"""Fields of `GuideUse` that came after the first guided shots."""


def _digest(spec: ModelSpec, request: ShotRequest) -> str:
    """A digest of everything a `shotpack.json` may change about how `request` is made, as 0.1.0 made it."""
    described = dataclasses.asdict(spec) | {"title": "", "licence": ""}
    described = {_STORED_NAMES.get(name, name): value for name, value in described.items()}
    del described["conditions"]  # what a model can take is not how a shot is made: its request says what it took
    del described["drift"]  # nor is what is said of it
    for name in ("overlap", "head"):
        if not described[name]:
            del described[name]
    for name in _LATER:
        if getattr(spec, name) == getattr(ModelSpec, name):
            del described[name]
    if not request.conditions:
        del described["guide"]
    else:
        unset = dataclasses.asdict(AS_A_VIDEO)
        for name in _LATER_OF_GUIDE:  # shots were begun before there were any of these
            if described["guide"][name] == unset[name]:
                del described["guide"][name]
    if (times := described.pop("first_section_steps")) in (1, 2):
        described["first_twice"] = times == 2
    else:
        described["first_section_steps"] = times
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


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
    names = {"weights": "model", "settings": "model settings", "loras": "LoRA"}
    was = to_json(stored[0]) | {name: stored[1].get(key) for key, name in names.items()}
    now = to_json(request) | {name: model.get(key) for key, name in names.items()}
    folder.require_same(was, {name: now[name] for name in was if name not in amendable})
