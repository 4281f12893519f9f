"""Released FramePack on HunyuanVideo as data: what is released (template, layouts, sizes, defaults), with its source.

Released code means github.com/lllyasviel/FramePack.
"""

from __future__ import annotations

from ...framepack.packing import Order
from ...framepack.sigmas import FlowShift
from ...framepack.solvers.base import Solver
from ...models.released import HUNYUAN
from ...models.spec import ModelSpec, Preview, Speed

# The released latent-to-RGB map for previews (diffusers_helper/hunyuan.py), one row a latent channel.
_PREVIEW = Preview(
    matrix=(
        (-0.0395, -0.0331, 0.0445),
        (0.0696, 0.0795, 0.0518),
        (0.0135, -0.0945, -0.0282),
        (0.0108, -0.0250, -0.0765),
        (-0.0209, 0.0032, 0.0224),
        (-0.0804, -0.0254, -0.0639),
        (-0.0991, 0.0271, -0.0669),
        (-0.0646, -0.0422, -0.0400),
        (-0.0696, -0.0595, -0.0894),
        (-0.0799, -0.0208, -0.0375),
        (0.1166, 0.1627, 0.0962),
        (0.1165, 0.0432, 0.0407),
        (-0.2315, -0.1920, -0.1355),
        (-0.0270, 0.0401, -0.0821),
        (-0.0616, -0.0997, -0.0727),
        (0.0249, -0.0469, -0.1703),
    ),
    bias=(0.0259, -0.0192, -0.0761),
)

# HunyuanVideo's own, as `DEFAULT_PROMPT_TEMPLATE` in diffusers' FramePack pipeline has it.
_TEMPLATE = (
    "<|start_header_id|>system<|end_header_id|>\n\nDescribe the video by detailing the following aspects: "
    "1. The main content and theme of the video."
    "2. The color, shape, size, texture, quantity, text, and spatial relationships of the objects."
    "3. Actions, events, behaviors temporal relationships, physical movement changes of the objects."
    "4. background environment, light, style and atmosphere."
    "5. camera angles, movements, and transitions used in the video:<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
)
_TEMPLATE_TOKENS = 95

RELEASED = ModelSpec(
    family="framepack-hunyuan",
    title="FramePack on HunyuanVideo",
    licence="unknown",
    latent_channels=16,
    spatial_compression=8,
    temporal_compression=HUNYUAN.grid.compression,
    patch=(1, 2, 2),
    window=HUNYUAN.grid.window,
    seam=HUNYUAN.grid.seam,
    schedules={
        Order.INVERTED: "f1k1_x_g9_f1k1f2k2f16k4_td",
        Order.FORWARD: "f1k1_td_f16k4f2k2f1k1_g9",
        Order.ENDPOINT: "td_f16k4f2k2f1k1_g9_x_f1k1",
    },
    kernels=((1, 2, 2), (2, 4, 4), (4, 8, 8)),
    trained_orders=(),
    size_multiple=HUNYUAN.size_multiple,
    side_limits=HUNYUAN.side_limits,
    sizes=HUNYUAN.sizes,
    native_fps=HUNYUAN.native_fps,
    steps=HUNYUAN.steps,
    guidance=HUNYUAN.guidance,
    order=HUNYUAN.orders[0],
    solver=Solver.UNIPC,
    solvers=(Solver.UNIPC, Solver.EULER),
    shift=FlowShift(),
    prompt_template=_TEMPLATE,
    prompt_crop=_TEMPLATE_TOKENS,
    prompt_tokens=256,
    preview=_PREVIEW,
    # The released demo's own threshold; its authors say about 2.1x.
    caches={Speed.BALANCED: "teacache:0.15", Speed.FAST: "teacache:0.25"},
)
