"""How a model uses a guide (`protocol.Condition`): data of its manifest, since it was measured for its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ..errors import Code, EngineError
from ..protocol import GUIDE, Condition


class GuidePictures(StrEnum):
    """What of a guide a model wants to see.

    `LATENT`: the one picture that a latent ends on, for encoders that know no time. `EVERY`: each native frame, since
    the encoder is causal in time and a latent holds all frames of its own.
    """

    LATENT = "latent"
    EVERY = "every"


_STEERED_ALONE = ("hidden", "shift", "alone", "context")
"""What of the following means something only where sections are steered."""


@dataclass(frozen=True)
class GuideUse:
    """How a section follows the pictures that a guide has for it.

    Either it is steered toward them, or the model sees them as history: as if it had made them (`noise`).
    """

    pictures: GuidePictures = GuidePictures.EVERY
    seen: float = 0.25
    """The share of pixels, 0 to 1, by which a place counts as seen: a latent pixel that is steered shows more than it,
    a token of history at least as much, or it is left out."""
    hidden: float = 0.0
    """For which share of the steps, from the first on, what is not seen is steered too, toward what the guide fills it
    with. Below 1 it leaves the last step free, however few there are. History leaves it out."""
    guidance: float | None = None
    """Guidance of guided shots where nobody asks for another; None: as of others."""
    noise: tuple[float, float] | None = None
    """The noise levels, least and most, that pictures seen as history are given; None: sections are steered."""
    shift: float | None = None
    """The schedule's shift in sections that are steered; None: as in others. What is steered in all steps but the last
    has that one's noise level to begin with."""
    alone: bool = False
    """Whether frames that a guide has pictures for are shown by themselves, what is seen of them by their own pictures
    (`generation/guided_frames.py`): for encoders that know no time, whose decoders fade where things move far."""
    context: float | None = None
    """How strongly, 0 to 1, a section that is steered sees what the guide fills the rest with, beside the seen pictures
    in full, in its context. None: it sees no guide but in what it is steered to."""

    @property
    def as_history(self) -> bool:
        """Whether the model sees the pictures as history; else it is steered toward them."""
        return self.noise is not None

    def told(self, said: Mapping[str, Any]) -> GuideUse:
        """The same with what a manifest says of it. Raises ValueError for what the other way alone knows."""
        for foreign in _STEERED_ALONE if self.as_history else ("noise",):
            if foreign in said:
                raise ValueError(f"a guide's {foreign} means nothing to such a model")
        return replace(self, **said)


AS_A_VIDEO = GuideUse()
"""What holds of families that are steered where a manifest says nothing."""


def require_followable(conditions: Sequence[Condition], use: GuideUse, frames: int, beyond: float) -> None:
    """Raise EngineError for guides among `conditions` that a shot of `frames` frames cannot follow.

    `number_invalid` for a picture that leads none of them: what a shot shows last may be made together with frames that
    it does not show, fewer than `beyond`. `guide_invalid` for what cannot be where pictures are seen as history.
    """
    guides = [condition for condition in conditions if condition.kind == GUIDE]
    odd = next((held.frame for guide in guides for held in guide.frames if not 1 <= held.frame < frames + beyond), None)
    if odd is not None:
        raise EngineError(Code.NUMBER_INVALID, name="a frame of the guide", value=odd, allowed=f"1 to {frames}")
    if use.as_history and len(guides) > 1:
        detail, advice = "this model follows one at a time", "put all pictures in one"
        raise EngineError(Code.GUIDE_INVALID, detail=detail, advice=advice)
    if use.as_history and any(guide.strength != 1 for guide in guides):
        detail = "this model sees what it shows or does not, at no strength between"
        raise EngineError(Code.GUIDE_INVALID, detail=detail, advice="leave its strength at 1")
