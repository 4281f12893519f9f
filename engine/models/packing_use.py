"""What of packing a model was trained for beyond the released recipe: data of its manifest. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..errors import Code, EngineError


class Packing(StrEnum):
    """By what a section's history is packed (arXiv 2504.12626 v3): the nearest frames, those most like what comes, or
    both weighed."""

    TIME = "time"
    SIMILARITY = "similarity"
    HYBRID = "hybrid"


class Estimate(StrEnum):
    """What a section is taken to become before it is made, to choose frames that are like it.

    `LOOK`: what the model says of pure noise, one more call a section. `NEWEST`: the section's worth of frames that lie
    nearest to it.
    """

    LOOK = "look"
    NEWEST = "newest"


_USUAL_KEEP = {Packing.TIME: 0, Packing.SIMILARITY: 1, Packing.HYBRID: 3}


@dataclass(frozen=True)
class PackingUse:
    """By what a model's history may be packed, and how frames are chosen where that is not time."""

    trained: tuple[Packing, ...] = (Packing.TIME,)
    """The first is how its shots are made where nobody asks for another."""
    weight: float = 1.0
    """Of nearness beside likeness, in hybrid packing (lambda)."""
    keep: int | None = None
    """How many of the nearest frames stay where they are when packed by time; None: 1, and 3 in hybrid packing."""
    estimate: Estimate = Estimate.LOOK

    def kept(self, packing: Packing) -> int:
        """How many of the nearest frames stay where they are."""
        return _USUAL_KEEP[packing] if self.keep is None else self.keep

    def nearness(self, packing: Packing) -> float:
        """What nearness weighs beside likeness."""
        return self.weight if packing is Packing.HYBRID else 0.0

    def require(self, packing: str | None) -> Packing:
        """By what a shot is packed that asks for `packing`, or for nothing. Raises EngineError `choice_invalid`."""
        if packing is None:
            return self.trained[0]
        if packing not in self.trained:
            allowed = f"{' or '.join(self.trained)}, which is what this model was trained for"
            raise EngineError(Code.CHOICE_INVALID, name="packing", value=packing, allowed=allowed)
        return Packing(packing)


BY_TIME = PackingUse()
"""What holds where a manifest says nothing: released FramePack."""


class StartBoard(StrEnum):
    """How boards are seen where history is discrete: as they are, or as the rest."""

    CLEAN = "clean"
    DISCRETE = "discrete"


@dataclass(frozen=True)
class CodebookUse:
    """The codebook that a model's discrete history (+D in a schedule's name) is made of."""

    file: str
    """In the component `codebook`; one tensor, `codebook`, of (size, latent channels) float32."""
    size: int
    """Entries."""
    anchor: StartBoard = StartBoard.CLEAN
