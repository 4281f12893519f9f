"""The family seam: what a model is, as data (`ModelSpec`), and what it does, as a protocol (`Family`).

Plan, sampling and output take every number from here; nothing outside a family's own file names the networks behind it.
No torch at run time: the command line reads specs before it loads anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from ..errors import Code, EngineError
from ..protocol import Start

if TYPE_CHECKING:
    import torch

    from ..framepack.history import PackedContext
    from .kernels import Kernels


class Order(StrEnum):
    """The sequence in which sections are made (paper section 3)."""

    INVERTED = "inverted"
    FORWARD = "forward"
    ENDPOINT = "endpoint"


class Solver(StrEnum):
    """How a section is denoised: flow UniPC, plain Euler, or as few-step weights were distilled (DMD)."""

    UNIPC = "unipc"
    EULER = "euler"
    DMD = "dmd"


START_WORDS = {Start.BOARD: "a board", Start.TEXT: "words alone", Start.CLIP: "frames that precede it"}
"""What a shot starts from, for people."""


def start_unsupported(start: Start, allowed: Sequence[Start], able: Sequence[str] | None = None) -> EngineError:
    """The error of a model that starts from what is `allowed` only; `able` names installed ones that can, if known."""
    words = {"start": START_WORDS[start], "allowed": " or ".join(START_WORDS[each] for each in allowed)}
    if able is not None:
        words["others"] = f", or use {' or '.join(able)}" if able else ", or install a model that can: none is here"
    return EngineError(Code.START_UNSUPPORTED, **words)


class Speed(StrEnum):
    """What an artist gives up for time; what each costs on a model was measured and is said in docs/engine.md.

    `EXACT`: every step is computed. `BALANCED`: steps that change little are not (a step cache). `FAST`: more of them
    are not, and where a GPU has no room for the transformer as released its weights wait in 8 bits. `kernels.py` says
    what else the last two do on a GPU.
    """

    EXACT = "exact"
    BALANCED = "balanced"
    FAST = "fast"


class Seam(StrEnum):
    """How the pixels of neighbouring sections meet.

    `BLEND`: neighbours are decoded together and blended linearly over a whole section (released FramePack); a section's
    frames stay provisional until its neighbours are made. `CUT`: each section is decoded alone and is final at once.
    """

    BLEND = "blend"
    CUT = "cut"


@dataclass(frozen=True)
class FlowShift:
    """The dynamic shift of the noise schedule (recipe section 7.4).

    mu runs linearly through (`base_tokens`, `base_mu`) and (`max_tokens`, `max_mu`) and is capped at ln `cap`.
    """

    base_tokens: int = 256
    max_tokens: int = 4096
    base_mu: float = 0.5
    max_mu: float = 1.15
    cap: float = 7.0

    @classmethod
    def fixed(cls, shift: float) -> FlowShift:
        """The same `shift`, above 0, for sections of any number of tokens."""
        return cls(base_mu=math.log(shift), max_mu=math.log(shift), cap=shift)


@dataclass(frozen=True)
class Preview:
    """A linear map from one latent pixel to RGB in [-1, 1]: `matrix` is (channels, 3), `bias` is (3,)."""

    matrix: tuple[tuple[float, float, float], ...]
    bias: tuple[float, float, float]


@dataclass(frozen=True)
class ModelSpec:
    """Everything plan, sampling and output need to know of a model. Sizes are pixels unless they say latent."""

    family: str
    """The family's name in `families.py`."""
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
    far_shift: FlowShift | None = None
    """The shift of sections that no board lies in or beside; None: `shift` for all."""
    mag_ratios: tuple[float, ...] = ()
    """Measured ratios for the MagCache step cache, one a step; empty where nobody measured them."""

    # Where families differ from released FramePack.
    starts: tuple[Start, ...] = (Start.BOARD,)
    first_apart: bool = False
    """The first frame has a latent of its own, beside the history's: a board is a still clip that has just ended."""
    boards_within: bool = True
    """Whether boards may lie anywhere in a shot, or only at its start."""
    sees: bool = True
    """Whether an image encoder looks at the boards."""
    classifier_free: bool = False
    """`guidance` is classifier-free: away from the negative prompt, at twice the time where it is above 1. Else it is
    distilled into the weights, and `cfg` stands beside it."""
    negative: str = ""
    """The negative prompt where the artist gives none and guidance wants one."""
    stages: int = 1
    """Resolutions that a section is denoised at, one after the other; steps are shared evenly."""
    first_twice: bool = False
    """The section made first takes twice the steps."""
    traits: tuple[str, ...] = ()
    """What else the family's own file must know of these weights."""

    def steps_of(self, number: int, steps: int) -> int:
        """Steps of the section that is made as number `number` (from 0), where a section takes `steps`."""
        return 2 * steps if self.first_twice and number == 0 else steps

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


@dataclass(frozen=True)
class Extent:
    """How large the work on one section is, whatever the shot's length."""

    width: int
    height: int
    """Pixels."""
    tokens: int
    """Tokens of the section and its packed context together, without the prompt's."""
    latents: int
    """Latent frames decoded together at most."""


@dataclass(frozen=True)
class TextCondition:
    """One encoded prompt, whatever encoders the family uses: named tensors, batch 1."""

    tensors: Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Denoising:
    """What stays the same through the steps of one section."""

    context: PackedContext
    text: TextCondition
    negative: TextCondition | None
    """None where nothing is to be avoided."""
    vision: torch.Tensor | None
    """None where no image encoder looks at the boards."""
    guidance: float
    cfg: float
    number: int = 0
    """Place in the sequence of making."""
    beside_board: bool = True
    """Whether a board lies in the section or next to it."""
    solver: Solver = Solver.UNIPC
    steps: int = 1
    pins: Mapping[int, torch.Tensor] = field(default_factory=dict)
    """Boards inside the section: place in it to (1, C, 1, H, W)."""


@dataclass(frozen=True)
class Denoised:
    """One step is done. After the last one `latents` is the finished section."""

    step: int
    """From 1."""
    latents: torch.Tensor
    """The noisy section as the solver has it now, float32."""
    estimate: torch.Tensor
    """What the model now takes the clean section to be (x - sigma v): the picture for a preview."""


class Velocity(Protocol):
    """The model as the solvers see it: (x, sigma) to flow velocity, both (1, C, T, H, W) float32."""

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor: ...


class Family(Protocol):
    """A model ready to run: networks are loaded when they are first needed, and encoders freed after each use.

    Pictures, encodings and decoded pixels are on the CPU in float32; noise and velocities are on `device`.
    """

    spec: ModelSpec
    device: torch.device
    kernels: Kernels
    """What its blocks run on: as chosen, without what has failed since."""

    def encode_texts(self, prompts: Sequence[str]) -> list[TextCondition]:
        """Encode prompts, each to a `TextCondition`."""
        ...

    def unread(self, prompt: str) -> tuple[str, ...]:
        """What each of the text encoders leaves unread of a prompt; no encoder is loaded for that."""
        ...

    def encode_visions(self, pictures: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Encode pictures (1, 3, H, W) in [-1, 1] with the image encoder, each to (1, tokens, features)."""
        ...

    def encode_latent(self, picture: torch.Tensor) -> torch.Tensor:
        """Encode a picture (1, 3, H, W) in [-1, 1] to its posterior mean, VAE-scaled: (1, C, 1, H/s, W/s) float32."""
        ...

    def encode_start(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        """Encode what precedes a shot, a board or a clip's frames in time order, each as for `encode_latent`.

        (1, C, T, H/s, W/s) float32: the first frame's latent, then the history's (`ModelSpec.first_apart`); a single
        one where the board is both.
        """
        ...

    def take_up(self, start: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """What the sections see of an encoded start, which a family may noise with `generator`: shaped like it."""
        ...

    def denoise(self, denoising: Denoising, noise: torch.Tensor, generator: torch.Generator) -> Iterator[Denoised]:
        """Make one section out of `noise` (1, C, window, H/s, W/s) float32 on the CPU, one `Denoised` a step.

        The transformer is there when this returns; `generator` gives what more noise a family draws on its way.
        """
        ...

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode (1, C, T, H, W) latents to (1, 3, 4T - 3, 8H, 8W) pixels, about [-1, 1], float32."""
        ...

    @property
    def decodes_aside(self) -> bool:
        """Whether memory allows that a section is decoded while the next one is sampled."""
        ...

    def decode_aside(self, latents: torch.Tensor) -> Future[torch.Tensor]:
        """`decode`, while the caller goes on; one at a time, and to be waited for before the family is let go."""
        ...

    def park(self) -> None:
        """Take all weights off the device, between two steps; they stay in main memory."""
        ...

    def unpark(self) -> None:
        """Put the weights back where they were."""
        ...
