"""What a model was trained for beyond the released recipe, as its manifest says: for whoever chooses one. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..framepack.packing import PAPER_ENDPOINT, RELEASED_FORWARD, RELEASED_INVERTED, Order, Tail
from .folder import ModelFolder
from .packing_use import BY_TIME, Packing, PackingUse

_RELEASED = (RELEASED_INVERTED, RELEASED_FORWARD, PAPER_ENDPOINT)


@dataclass(frozen=True)
class Trained:
    """Empty where it was trained for nothing of the kind."""

    packings: tuple[Packing, ...] = ()
    """By what a section's history may be packed, the usual one first; where that is not by time alone."""
    tails: tuple[Tail, ...] = ()
    """What may become of the frames beyond its history; where they are not just deleted."""
    codebook: int = 0
    """Entries that discrete history (+D) is made of."""
    schedules: Mapping[Order, str] = field(default_factory=dict)
    """The layouts that are its own."""
    planned_endpoints: bool = False
    """Whether sections of a shot may be made before the gaps between them (`ShotRequest.endpoints`)."""

    def words(self) -> str:
        """The same for people, on one line; empty where there is nothing to say."""
        return "; ".join(self._words())

    def _words(self) -> Iterator[str]:
        if self.packings:
            yield f"packing by {' or '.join(self.packings)}"
        if self.tails:
            yield f"tails {', '.join(self.tails)}"
        if self.codebook:
            yield f"discrete history (+D) of {self.codebook} entries"
        for order, schedule in self.schedules.items():
            yield f"{order} order {schedule}"
        if self.planned_endpoints:
            yield "endpoint order (endpoints may be planned)"


def trained(model: ModelFolder) -> Trained:
    """What an installed model was trained for."""
    facts = model.facts
    use = BY_TIME if facts.packing is None else PackingUse(**facts.packing)
    tails = facts.tails or ()
    return Trained(
        packings=() if use.trained == BY_TIME.trained else use.trained,
        tails=() if set(tails) <= {Tail.DELETE} else tails,
        codebook=0 if facts.codebook is None else facts.codebook.size,
        schedules={order: name for order, name in (facts.schedules or {}).items() if name not in _RELEASED},
        planned_endpoints=model.plans_endpoints,
    )
