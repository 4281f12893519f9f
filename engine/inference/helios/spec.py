"""Helios as data (arXiv 2603.04379, github.com/PKU-YuanGroup/Helios): FramePack's packing on Wan 2.1, sections cut.

Every number is the authors' own: the defaults of diffusers' pipelines and the calls its documentation gives for each of
the three releases. No torch.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ...framepack.packing import Order
from ...framepack.sigmas import FlowShift
from ...framepack.solvers.base import Solver
from ...models import released
from ...models.spec import ModelSpec, Preview

DISTILLED = "distilled"
CFG_ZERO_STAR = "cfg-zero-star"
"""Variants: which of the pipeline's own switches the weights were made for."""

# The latent-to-RGB map that is in use for Wan 2.1's latents, one row a channel.
_PREVIEW = Preview(
    matrix=(
        (-0.1299, -0.1692, 0.2932),
        (0.0671, 0.0406, 0.0442),
        (0.3568, 0.2548, 0.1747),
        (0.0372, 0.2344, 0.1420),
        (0.0313, 0.0189, -0.0328),
        (0.0296, -0.0956, -0.0665),
        (-0.3477, -0.4059, -0.2925),
        (0.0166, 0.1902, 0.1975),
        (-0.0412, 0.0267, -0.1364),
        (-0.1293, 0.0740, 0.1636),
        (0.0680, 0.3019, 0.1128),
        (0.0032, 0.0581, 0.0639),
        (-0.1251, 0.0927, 0.1699),
        (0.0060, -0.0633, 0.0005),
        (0.3477, 0.2275, 0.2950),
        (0.1984, 0.0913, 0.1861),
    ),
    bias=(-0.1835, -0.0868, -0.3360),
)

_NEGATIVE = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static, overall"
    " gray, worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands,"
    " poorly drawn faces, deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, three"
    " legs, many people in the background, walking backwards"
)

HELIOS_BASE = ModelSpec(
    family="helios",
    title="Helios Base",
    licence="unknown",
    latent_channels=16,
    spatial_compression=8,
    temporal_compression=released.HELIOS_BASE.grid.compression,
    patch=(1, 2, 2),
    window=released.HELIOS_BASE.grid.window,
    seam=released.HELIOS_BASE.grid.seam,
    schedules={Order.FORWARD: "f1k1_td_f16k4f2k2f1k1_g9"},
    kernels=((1, 2, 2), (2, 4, 4), (4, 8, 8)),
    trained_orders=released.HELIOS_BASE.orders,
    size_multiple=released.HELIOS_BASE.size_multiple,
    side_limits=released.HELIOS_BASE.side_limits,
    sizes=released.HELIOS_BASE.sizes,
    native_fps=released.HELIOS_BASE.native_fps,
    steps=released.HELIOS_BASE.steps,
    guidance=released.HELIOS_BASE.guidance,
    order=released.HELIOS_BASE.orders[0],
    solver=Solver.UNIPC,
    solvers=(Solver.UNIPC, Solver.EULER),
    shift=FlowShift(cap=math.inf),
    prompt_template="{}",
    prompt_crop=0,
    prompt_tokens=512,
    preview=_PREVIEW,
    caches={},
    separate_first_latent=True,
    boards_within=released.HELIOS_BASE.boards_within,
    uses_image_encoder=False,
    classifier_free=released.HELIOS_BASE.classifier_free,
    negative=_NEGATIVE,
)

HELIOS_MID = replace(
    HELIOS_BASE,
    family="helios-mid",
    title="Helios Mid",
    size_multiple=released.HELIOS_MID.size_multiple,
    steps=released.HELIOS_MID.steps,
    guide=released.HELIOS_MID.guide,
    pyramid_stages=3,
    variant=(CFG_ZERO_STAR,),
)

HELIOS_DISTILLED = replace(
    HELIOS_MID,
    family="helios-distilled",
    title="Helios Distilled",
    steps=released.HELIOS_DISTILLED.steps,
    guidance=released.HELIOS_DISTILLED.guidance,
    solver=Solver.DMD,
    solvers=(Solver.DMD,),
    first_section_steps=2,
    variant=(DISTILLED,),
)
