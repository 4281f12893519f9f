"""Takes and longer shots: what a request that continues a stored shot keeps of it, and what is decoded for it.

A take lies in the folder of the shot that it continues (`media/take_files.py`). Sections made from the same are kept,
the others made again from stored history, with the noise that they had; frames that are decoded from kept latents
alone keep their files. A longer shot in forward order keeps every section, and so equals the one asked for at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from ..framepack.continuation import Continuation, continuation, decode_for, frame_sources
from ..framepack.decoding import DecodePlan
from ..framepack.packing import Order
from ..framepack.plan import ShotPlan
from ..media.take_files import sampled_take
from ..protocol import ShotRequest, Take
from .frame_rates import FrameSource
from .resolve import AMENDABLE, SAID_ONLY, ResolvedRequest
from .section_settings import SectionSettings
from .shot_folder import ShotFolder

FREE = (*AMENDABLE, *SAID_ONLY, "sections", "seed", "boards", "frames", "take", "slate")
"""Fields of a request that may differ from those of the shot that it continues."""


def require_parent(folder: ShotFolder, take: Take) -> tuple[ShotRequest, dict[str, str]]:
    """The request of the finished take that a new one in `folder` continues, and its model's digests.

    Raises EngineError `take_impossible` where there is none to continue.
    """
    parent = ShotFolder(folder.root, take.parent)
    name = "the shot" if take.parent == 1 else f"take {take.parent}"
    stored = parent.stored_request()
    if stored is None:
        raise _impossible(folder, f"{name} is not there any more", "make it again")
    if not parent.record.exists():
        raise _impossible(folder, f"{name} is not finished", "go on with it first")
    if take.number <= take.parent:
        raise _impossible(folder, f"take {take.number} would be no later one", f"number it from {take.parent + 1} on")
    return stored


def of_sampled(root: Path, take: Take) -> Take:
    """The take where it continues a finishing one in `root`: as continuing what that finishes."""
    return replace(take, parent=sampled_take(root, take.parent))


def require_continuable(folder: ShotFolder, before: ResolvedRequest, after: ResolvedRequest) -> None:
    """Refuse a shot of another length where not even one section would stay.

    Raises EngineError `take_impossible`. In inverted order the last section is made first and all others from it, in
    endpoint order before those that fill the gaps: a longer shot has another one there.
    """
    order = after.plan.order
    if after.plan.sections != before.plan.sections and order is not Order.FORWARD:
        place = "first" if order is Order.INVERTED else "early"
        detail = f"in {order} order ({after.request.schedule}) its last section is made {place}, and others from it"
        raise _impossible(
            folder, detail, "make it anew at that length, or another shot that starts from its last picture"
        )


def continued(before: ResolvedRequest, made: Mapping[int, SectionSettings], after: ResolvedRequest) -> Continuation:
    """What the shot `after` keeps of `before`, whose sections were `made` so, by their places in time."""
    asked_again = after.request.take.again if after.request.take is not None else ()
    same_noise = before.request.seed == after.request.seed
    settings = {
        section
        for section, settings in enumerate(after.sections)
        if same_noise and made.get(section) == settings and section + 1 not in asked_again
    }
    pictures = {latent for latent, image in after.board_images.items() if before.board_images.get(latent) == image}
    lead = set(after.plan.lead.latents)
    pictures = pictures | lead if before.start_images == after.start_images else pictures - lead
    return continuation(before.plan, after.plan, settings=settings, pictures=pictures)


def begin_take(folder: ShotFolder, before: ResolvedRequest, after: ResolvedRequest) -> dict[str, Any]:
    """What the folder has to say of a take that begins now (`ShotFolder.begin`)."""
    take = after.request.take
    assert take is not None
    parent = ShotFolder(folder.root, take.parent)
    made = {
        planned.section: parent.facts(planned.number)[0]
        for planned in before.plan.made
        if parent.is_sampled(planned.number)
    }
    kept = continued(before, made, after)
    return {
        "parent": take.parent,
        "kept": [planned.number for planned in after.plan.made if planned.section in kept.sections],
        "kept_frames": _shown(kept, before, after),
    }


def decodes(plan: ShotPlan, sources: Sequence[FrameSource], folder: ShotFolder) -> dict[int, DecodePlan | None]:
    """What is decoded once each section, by its number of making, is there: all, but for frames that a take keeps.

    `sources` tells what each frame of the shot is made of. None where nothing is decoded. A kept frame whose file is
    gone is decoded again.
    """
    if folder.parent is None:
        return {planned.number: planned.decode for planned in plan.made}
    files = folder.files
    made = {
        made
        for frame, source in enumerate(sources, 1)
        if not files.is_kept(frame) or not files.frame(frame).exists()
        for made in source.made
    }
    needed = {block for block in frame_sources(plan) if not made.isdisjoint(block)}
    return {planned.number: decode_for(planned.decode, needed) for planned in plan.made}


def _shown(kept: Continuation, before: ResolvedRequest, after: ResolvedRequest) -> list[list[int]]:
    """The shot's frames, from 1, that show kept ones and are there already: first and last of each run."""
    there = {made for block in kept.frames for made in block}
    runs: list[list[int]] = []
    for frame in range(min(before.request.frames, after.request.frames)):
        source = after.shown.source_of(frame)
        if not there.issuperset(source.made) or before.shown.source_of(frame) != source:
            continue
        if runs and runs[-1][1] == frame:
            runs[-1][1] = frame + 1
        else:
            runs.append([frame + 1, frame + 1])
    return runs


def _impossible(folder: ShotFolder, detail: str, advice: str) -> EngineError:
    return EngineError(Code.TAKE_IMPOSSIBLE, path=str(folder.root), detail=detail, advice=advice)
