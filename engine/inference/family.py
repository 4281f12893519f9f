"""What a model does, as a protocol: sampling and output know a `Family` and no network behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..framepack.solvers.base import Denoised, Solver
from ..framepack.solvers.guide import Guide
from ..models.spec import ModelSpec

if TYPE_CHECKING:
    import torch

    from ..framepack.history import PackedContext
    from .speed.kernels import Kernels


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
    guides: Sequence[Guide] = ()
    """What else is known of the section's pictures; for families that take guides (`ModelSpec.conditions`)."""


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

    def encode_video(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        """Encode 1 + T x r pictures, each as for `encode_latent`, as one video: (1, C, 1 + T, H/s, W/s)."""
        ...

    def encode_start(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        """Encode what precedes a shot, a board or a clip's frames in time order, each as for `encode_latent`.

        (1, C, T, H/s, W/s) float32: the first frame's latent, then the history's (`ModelSpec.separate_first_latent`);
        a single one where the board is both.
        """
        ...

    def prepare_start(self, start: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
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

    def decode_in_time(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """What `decode` gives, some frames after the other as soon as they are there; together the same to the bit."""
        ...

    @property
    def decodes_async(self) -> bool:
        """Whether memory allows that a section is decoded while the next one is sampled."""
        ...

    def decode_async(self, latents: torch.Tensor) -> Future[torch.Tensor]:
        """`decode`, while the caller goes on; one at a time, and to be waited for before the family is let go."""
        ...

    def load(self) -> Iterator[None]:
        """Load what the placement keeps on the device, network by network, before there is a use for it."""
        ...

    def park(self) -> None:
        """Take all weights off the device, between two steps; they stay in main memory."""
        ...

    def unpark(self) -> None:
        """Put the weights back where they were."""
        ...
