"""What a shot's sections look at: latents that are given, and those that were made before the shot was interrupted."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..framepack.history import History
from ..framepack.plan import ShotPlan
from ..inference.family import Family
from ..models.packing_use import StartBoard
from .encode import Encodings
from .resolve import ResolvedRequest
from .shot_folder import ShotFolder


def lead_latents(
    plan: ShotPlan, family: Family, start: torch.Tensor | None, generator: torch.Generator
) -> dict[int, torch.Tensor]:
    """The latents before the shot by their number, as its sections see them."""
    if start is None:
        return {}
    frames = torch.split(family.prepare_start(start, generator), 1, dim=2)
    return dict(zip(plan.lead.latents, frames, strict=True))


def given_latents(
    resolved: ResolvedRequest, family: Family, encodings: Encodings, generator: torch.Generator
) -> dict[int, torch.Tensor]:
    """All latents that are given and not made, by their number."""
    lead = lead_latents(resolved.plan, family, encodings.start, generator)
    images = resolved.board_images.items()
    return lead | {latent: encodings.latents[image] for latent, image in images if latent not in lead}


def new_history(
    resolved: ResolvedRequest, family: Family, given: Mapping[int, torch.Tensor], codebook: torch.Tensor | None
) -> History:
    """A history in which nothing is made yet; sections see it as entries of the `codebook`, if any."""
    spec = family.spec
    blank = torch.zeros(spec.latent_shape(1, resolved.height, resolved.width))
    clean = spec.codebook is None or spec.codebook.anchor is StartBoard.CLEAN
    return History(resolved.plan, given, blank, codebook, clean_boards=clean)


def restore(history: History, plan: ShotPlan, folder: ShotFolder, done: int) -> None:
    """Take in the `done` sections that were made first, as far as later ones look at them."""
    if any(planned.layout.tail is not None for planned in plan.made):  # then at all of them, each at its time
        for planned in plan.made[:done]:
            history.add(planned, folder.load_latents(planned.number).latents)
            history.forget(planned)
        return
    for planned in plan.made[:done]:
        if any(plan.last_use.get(latent, -1) >= done for latent in plan.own_latents(planned)):
            history.add(planned, folder.load_latents(planned.number).latents)
