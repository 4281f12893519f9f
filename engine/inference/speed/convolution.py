"""3-D convolutions on a processor: by oneDNN whatever their shape, which PyTorch leaves to a slow kernel where small.

For one clip whose channels x frames x rows are at most 20,480 PyTorch unfolds and multiplies instead
(`ConvParams::use_mkldnn`, kernels up to 3): that is most of a video decoder at previs sizes, at five to ten times the
time. The numbers differ by rounding, 1e-6 of the largest.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch.nn import Conv3d


def convolve_by_onednn(network: torch.nn.Module) -> None:
    """Let the 3-D convolutions of `network` run by oneDNN wherever their input is float32 in main memory."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for module in network.modules():
        if isinstance(module, Conv3d) and module.padding_mode == "zeros":
            module._conv_forward = MethodType(_conv_forward, module)  # type: ignore[method-assign]


def _conv_forward(self: Conv3d, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    padding = self.padding
    if (
        input.device.type != "cpu"
        or input.dtype != torch.float32
        or torch.is_grad_enabled()
        or isinstance(padding, str)
    ):
        left: torch.Tensor = Conv3d._conv_forward(self, input, weight, bias)
        return left
    return torch.mkldnn_convolution(input, weight, bias, padding, self.stride, self.dilation, self.groups)
