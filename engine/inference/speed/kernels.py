"""What networks run on: the attention's backend, whether blocks are compiled, what convolves. One decision a job."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from ...models.spec import Speed
from ..memory.placement import Placement, Stay
from .attention import NATIVE, AttentionWork, fastest

WINOGRAD = "winograd"
"""With fewer products where the family has such a decoder (`hunyuan/decoder.py`); where it has not, `ONEDNN`."""
ONEDNN = "onednn"
TORCH_CHOICE = "torch"


@dataclass(frozen=True)
class Kernels:
    """How the blocks are computed; the numbers differ in their last digits, or a little more where 8 bits attend."""

    attention: str = NATIVE
    """The name of a backend of diffusers' attention dispatcher."""
    compiled: bool = False
    convolution: str = WINOGRAD
    """How a decoder convolves in a processor: the quickest, or as a shot was begun."""


AS_RELEASED = Kernels()
"""Attention and blocks as the models were released and parity is measured; pictures to rounding."""


def choose_kernels(work: AttentionWork, speed: Speed, placement: Placement) -> Kernels:
    """What `speed` allows and this machine can do.

    `EXACT` promises the same numbers and keeps the kernels as released. `BALANCED` takes the fastest attention in the
    model's own precision; `FAST` may also attend in 8 bits, and is compiled.
    """
    if speed is Speed.EXACT:
        return AS_RELEASED
    fast = speed is Speed.FAST
    return Kernels(fastest(work, quantised=fast), fast and _compiles(work, placement))


def _compiles(work: AttentionWork, placement: Placement) -> bool:
    """Whether compiling can work and pays: on a CPU it takes longer than Sketch's whole shot.

    Blocks that visit the device one by one would be compiled beneath the hooks that fetch them, which nobody has tried.
    """
    there = work.device.type == "cuda" and find_spec("triton") is not None
    return there and placement.transformer is not Stay.STREAMED
