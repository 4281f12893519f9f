"""What a model is, as data: plan, sampling and output take every number from here.

No torch: the command line reads specs before it loads anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..errors import Code, EngineError
from ..framepack.grid import Grid, Seam
from ..framepack.packing import Order, Tail
from ..framepack.sigmas import FlowShift
from ..framepack.solvers.base import Solver
from ..protocol import Start
from .drift_limits import USUAL_LIMITS, DriftLimits
from .guide_use import AS_A_VIDEO, GuideUse
from .packing_use import BY_TIME, CodebookUse, PackingUse

START_WORDS = {Start.BOARD: "a board", Start.TEXT: "words alone", Start.CLIP: "frames that precede it"}
"""What a shot starts from, for people."""


def start_unsupported(start: Start, allowed: Sequence[Start], able: Sequence[str] | None = None) -> EngineError:
    """The error of a model that starts from what is `allowed` only; `able` names installed ones that can, if known."""
    words = {"start": START_WORDS[start], "allowed": " or ".join(START_WORDS[each] for each in allowed)}
    if able is not None:
        words["others"] = f", or use {' or '.join(able)}" if able else ", or install a model that can: none is here"
    return EngineError(Code.START_UNSUPPORTED, **words)


def condition_unsupported(kind: str) -> EngineError:
    """The error of a model that takes no condition of this kind."""
    return EngineError(Code.CONDITION_UNSUPPORTED, kind=kind)


class Speed(StrEnum):
    """What an artist gives up for time; what each costs on a model was measured and is said in docs/engine.md.

    `EXACT`: every step is computed. `BALANCED`: steps that change little are not (a step cache). `FAST`: more of them
    are not, and where a GPU has no room for the transformer as released its weights wait in 8 bits. `kernels.py` says
    what else the last two do on a GPU.
    """

    EXACT = "exact"
    BALANCED = "balanced"
    FAST = "fast"


@dataclass(frozen=True)
class Preview:
    """A linear map from one latent pixel to RGB in [-1, 1]: `matrix` is (channels, 3), `bias` is (3,)."""

    matrix: tuple[tuple[float, float, float], ...]
    bias: tuple[float, float, float]


@dataclass(frozen=True)
class ModelSpec:
    """Everything plan, sampling and output need to know of a model. Sizes are pixels unless they say latent."""

    family: str
    """The family's name in `inference/registry.py`."""
    title: str
    licence: str

    # Geometry.
    latent_channels: int
    spatial_compression: int
    temporal_compression: int
    patch: tuple[int, int, int]
    """Latent (frames, rows, columns) that one token of the section being made covers."""
    window: int
    """Latent frames in a section, as trained."""
    seam: Seam
    """Causal where its decoder looks back only: then `overlap` says how far."""

    # Packing: for each order this model can follow, the paper's name of the layout, and the kernels the weights have.
    schedules: Mapping[Order, str]
    kernels: tuple[tuple[int, int, int], ...]
    trained_orders: tuple[Order, ...]
    """Empty where a folder does not say."""

    # Sizes.
    size_multiple: int
    side_limits: tuple[int, int]
    sizes: tuple[tuple[int, int], ...]
    """(width, height) buckets the model was trained at; the one nearest to a board's aspect is the default."""

    # Defaults an artist may change.
    native_fps: float
    steps: int
    guidance: float
    order: Order
    solver: Solver

    # Conditioning and noise.
    solvers: tuple[Solver, ...]
    shift: FlowShift
    prompt_template: str
    prompt_crop: int
    prompt_tokens: int
    preview: Preview
    caches: Mapping[Speed, str]
    """The step cache behind `BALANCED` and `FAST`, as `parse_cache` reads it."""
    overlap: int = 0
    """Latents that are decoded once more in front of others, where seams are causal (`Grid.overlap`)."""
    head: int = 0
    """Latents of a shot that are decoded before the others, where seams are causal (`Grid.head`)."""
    far_shift: FlowShift | None = None
    """The shift of sections that no board lies in or beside; None: `shift` for all."""
    mag_ratios: tuple[float, ...] = ()
    """Measured ratios for the MagCache step cache, one a step; empty where nobody measured them."""

    # Where families differ from released FramePack.
    starts: tuple[Start, ...] = (Start.BOARD,)
    separate_first_latent: bool = False
    """The first frame has a latent of its own, beside the history's: a board is a still clip that has just ended."""
    boards_within: bool = True
    """Whether boards may lie anywhere in a shot, or only at its start."""
    uses_image_encoder: bool = True
    """Whether an image encoder looks at the boards."""
    conditions: tuple[str, ...] = ()
    """Kinds of conditions (`protocol.Condition`) that a shot may be made by besides boards and prompts."""
    guide: GuideUse = AS_A_VIDEO
    """How it uses one of kind `guide`."""
    classifier_free: bool = False
    """`guidance` is classifier-free: away from the negative prompt, at twice the time where it is above 1. Else it is
    distilled into the weights, and `cfg` stands beside it."""
    negative: str = ""
    """The negative prompt where the artist gives none and guidance wants one."""
    pyramid_stages: int = 1
    """Resolutions that a section is denoised at, one after the other; steps are shared evenly."""
    first_section_steps: int = 1
    """How many times the steps of any other the section made first takes."""
    drift: DriftLimits = USUAL_LIMITS
    """How far sections may drift before that is said. No part of how a shot is made."""
    variant: tuple[str, ...] = ()
    """What else the family's own file must know of these weights."""

    # What a model was trained for beyond the released packing.
    packed: bool = False
    """Whether its transformer takes blocks of any kernels, and as many as there are."""
    packing: PackingUse = BY_TIME
    tails: tuple[Tail, ...] = (Tail.DELETE,)
    """What may become of the frames beyond its history."""
    codebook: CodebookUse | None = None
    """What discrete history (+D) is made of."""

    @property
    def plans_endpoints(self) -> bool:
        """Whether it was trained to fill the gaps between sections that are made first (`ShotRequest.endpoints`)."""
        return Order.ENDPOINT in self.trained_orders

    def grid(self, window: int | None = None) -> Grid:
        """How latents, sections of `window` latents (as trained if None) and pixel frames relate."""
        window = window or self.window
        return Grid(window, self.temporal_compression, self.seam, min(self.overlap, window), self.head)

    def whole_steps(self, steps: int) -> int:
        """The fewest steps, at least `steps`, that give every resolution of the pyramid as many."""
        return -(-steps // self.pyramid_stages) * self.pyramid_stages

    def steps_of(self, number: int, steps: int) -> int:
        """Steps of the section that is made as number `number` (from 0), where a section takes `steps`."""
        return self.first_section_steps * steps if number == 0 else steps

    def shift_of(self, *, beside_board: bool) -> FlowShift:
        """The shift of a section's noise levels, by whether a board lies in it or beside it."""
        return self.shift if beside_board or self.far_shift is None else self.far_shift

    def tokens(self, shape: Sequence[int]) -> int:
        """Tokens of a section of latents (B, C, T, H, W) of this `shape`."""
        return math.prod(shape[2:]) // math.prod(self.patch)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, int, int, int, int]:
        """(B, C, T, H, W) of `frames` latent frames of a picture of `height` x `width` pixels."""
        spatial = self.spatial_compression
        return (1, self.latent_channels, frames, height // spatial, width // spatial)
