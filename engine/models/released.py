"""What weights can as they were released, by their pipeline: sizes, orders, steps; `shotpack.json` goes before it.

The families' specs and the engine's list of models take the same numbers from here. No torch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ..framepack.grid import Grid, Seam
from ..framepack.packing import Order
from .guide_use import AS_A_VIDEO, GuideUse


@dataclass(frozen=True)
class Released:
    """Defaults of one release. Sizes are (width, height) in pixels."""

    sizes: tuple[tuple[int, int], ...]
    orders: tuple[Order, ...]
    """Those it can be made in, its own first."""
    steps: int
    guidance: float
    grid: Grid
    native_fps: float
    size_multiple: int = 16
    """Of pixels, what both sides must be."""
    side_limits: tuple[int, int] = (32, 2048)
    """Shortest and longest side in pixels."""
    classifier_free: bool = False
    """Whether guidance leads away from a negative prompt; else it is distilled into the weights."""
    boards_within: bool = True
    """Whether boards may lie anywhere in a shot, or only at its start."""
    guide: GuideUse = AS_A_VIDEO
    """How it uses a guide, where it takes one."""


# The released size buckets (diffusers_helper/bucket_tools.py), key 640, as (width, height) in the released sequence.
_WIDE = ((416, 960), (448, 864), (480, 832), (512, 768), (544, 704), (576, 672), (608, 640))

HUNYUAN = Released(
    sizes=tuple((width, height) for height, width in (*_WIDE, *((b, a) for a, b in reversed(_WIDE)))),
    orders=(Order.INVERTED, Order.FORWARD, Order.ENDPOINT),
    steps=25,
    guidance=10.0,
    grid=Grid(9, 4, Seam.BLEND),
    native_fps=30,
)
# The authors' own numbers: the defaults of diffusers' pipelines and the calls that its documentation gives.
HELIOS_BASE = Released(
    sizes=((640, 384),),
    orders=(Order.FORWARD,),
    steps=50,
    guidance=5.0,
    grid=Grid(9, 4, Seam.CUT),
    native_fps=24,
    side_limits=(64, 2048),
    classifier_free=True,
    boards_within=False,
)
HISTORY_NOISE = (0.111, 0.135)
"""How noisy history is made, least and most: Helios was trained on faults (sigmas, the released defaults)."""
_AS_HISTORY = GuideUse(seen=0.1, noise=HISTORY_NOISE)
"""Warp-as-History (arXiv 2605.15182) as it works with the weights as released, without its LoRA."""
# Halved twice and patched by 2: the coarsest stage's sides must still be even.
HELIOS_MID = replace(HELIOS_BASE, steps=60, size_multiple=64, guide=_AS_HISTORY)
HELIOS_DISTILLED = replace(HELIOS_MID, steps=6, guidance=1.0)


def released(pipeline: str, flags: Collection[str] = ()) -> Released:
    """The release that a folder's pipeline class and its switches name."""
    if pipeline == "HeliosPipeline":
        return HELIOS_BASE
    if pipeline == "HeliosPyramidPipeline":
        return HELIOS_DISTILLED if "is_distilled" in flags else HELIOS_MID
    return HUNYUAN
