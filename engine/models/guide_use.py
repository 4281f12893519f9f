"""How a model uses a guide (`protocol.Condition`): data of its manifest, since it was measured for its weights."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GuidePictures(StrEnum):
    """What of a guide a model wants to see.

    `LATENT`: the one picture that a latent ends on, for encoders that know no time. `EVERY`: each native frame, since
    the encoder is causal in time and a latent holds all frames of its own.
    """

    LATENT = "latent"
    EVERY = "every"


@dataclass(frozen=True)
class GuideUse:
    """How a section is steered toward the pictures that a guide has for it."""

    pictures: GuidePictures = GuidePictures.EVERY
    seen: float = 0.25
    """The share of a latent pixel's pixels, 0 to 1, above which it counts as seen and is steered."""
    hidden: float = 0.0
    """For which share of the steps, from the first on, the rest is steered too, toward what the guide fills it with."""
    guidance: float | None = None
    """Guidance of guided shots where nobody asks for another; None: as of others."""


AS_A_VIDEO = GuideUse()
"""What holds where a manifest says nothing."""
