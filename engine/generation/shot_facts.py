"""What a shot's files say of its making (`media/provenance.py`): a frame of its section, the movie of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..framepack.packing import Order, with_window
from ..framepack.plan import PlannedSection
from ..media.provenance import Provenance, read_if_whole, source_of, with_request
from ..media.take_files import FIRST_TAKE
from ..models.spec import ModelSpec
from ..protocol import ENGINE_VERSION, SectionChange, ShotRequest
from ..serialization import without_defaults
from .resolve import ResolvedRequest
from .shot_folder import ShotFolder

TOOL = f"Shotpack {ENGINE_VERSION}"


def of_section(
    resolved: ResolvedRequest,
    spec: ModelSpec,
    folder: ShotFolder,
    model_sha256: str,
    planned: PlannedSection,
    *,
    provisional: bool,
    between: bool = False,
) -> Provenance:
    """What the frames say that a section adds, in all runs alike; with `provisional`, those that may still change.

    With `between` those that no model made, but what lies between two that it made. The section must be sampled.
    """
    request = resolved.request
    made, _ = folder.facts(planned.number)
    facts = {
        "prompt": made.prompt,
        "seed": request.seed if made.seed is None else made.seed,
        **_shot(resolved, model_sha256, steps=made.steps),
        "section": planned.section + 1,
        **({} if folder.files.take == FIRST_TAKE else {"take": folder.files.take}),
        **({"provisional": True} if provisional else {}),
        **({"between": request.between} if between else {}),
    }
    # The same frames whatever stands on the movie.
    facts = with_request(facts, _wire(replace(request, slate=""), spec), frame=True)
    return Provenance(_source(request, folder), made.prompt, facts, TOOL)


def of_movie(resolved: ResolvedRequest, spec: ModelSpec, folder: ShotFolder, model_sha256: str) -> Provenance:
    """What the movie says of the shot, whose sections must all be sampled."""
    request = as_made(resolved, folder)
    facts = {
        "prompt": request.prompt,
        "seed": request.seed,
        **_shot(resolved, model_sha256, steps=resolved.steps),
        **({} if folder.files.take == FIRST_TAKE else {"take": folder.files.take}),
    }
    facts = with_request(facts, _wire(request, spec), frame=False)
    return Provenance(_source(request, folder), request.prompt, facts, TOOL)


def as_made(resolved: ResolvedRequest, folder: ShotFolder) -> ShotRequest:
    """The request that makes the shot at once: words that were changed meanwhile hold for their sections."""
    changes = {change.section: change for change in resolved.request.sections}
    for planned in resolved.plan.made:
        made, _ = folder.facts(planned.number)
        if made != resolved.sections[planned.section]:
            section = planned.section + 1
            changes[section] = SectionChange(section, made.seed, made.prompt, made.steps, made.guidance)
    return replace(resolved.request, sections=tuple(changes[section] for section in sorted(changes)))


def _shot(resolved: ResolvedRequest, model_sha256: str, *, steps: int) -> dict[str, Any]:
    request = resolved.request
    return {
        "model": Path(request.model).name,  # where it lies is nobody else's business
        "model_sha256": model_sha256,
        "steps": steps,
        "solver": str(resolved.solver),
        "schedule": request.schedule,
        "boards": {str(board.frame): board.image for board in request.boards},
    }


def _wire(request: ShotRequest, spec: ModelSpec) -> Mapping[str, Any]:
    """The request as a shot of its own would be asked for: which take it is, and of which job, is no part of that.

    A schedule that is the model's own is left out: none can be asked for over the wire.
    """
    asked = replace(request, model=Path(request.model).name, take=None)
    own = spec.schedules.get(Order(request.order)) if request.order is not None else None
    if own is not None and request.schedule == with_window(own, spec.window):
        asked = replace(asked, schedule=None, window=None)
    return without_defaults(asked)


def _source(request: ShotRequest, folder: ShotFolder) -> str:
    """The source type, by what the shot's pictures say of themselves; masks are no pictures."""
    held = [frame.image for condition in request.conditions for frame in condition.frames]
    pictures = dict.fromkeys([*(board.image for board in request.boards), *request.clip, *held])
    return source_of(_said(folder.boards / sha256) for sha256 in pictures)


def _said(picture: Path) -> str:
    found = read_if_whole(picture)  # it may be of another kind, or gone
    return found.source if found is not None else ""
