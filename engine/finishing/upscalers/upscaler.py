"""What all upscalers do, and the two kinds of them: those that come in packages, and those that spandrel knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from ...errors import Code, EngineError
from ...models.checksums import file_sha256
from ..memory import live_bytes
from .ncnn import NcnnNetwork, read_layers
from .own import read_own_network

if TYPE_CHECKING:
    from .packaged import Packaged


class Upscaler(Protocol):
    """Enlarges pictures by one of its factors."""

    name: str
    sha256: str
    """Of its weights: two with the same make the same of a picture."""
    factors: tuple[int, ...]
    margin: int
    """How many pixels around it a pixel of the result hangs on, in pixels of what is enlarged."""
    whole: bool
    """Whether a picture must be enlarged in one piece."""
    device: torch.device

    def enlarge(self, pixels: torch.Tensor, factor: int) -> torch.Tensor:
        """(1, 3, H, W) float32 in [0, 1] on its device, as (1, 3, factor H, factor W)."""
        ...

    def working_bytes(self, width: int, height: int, factor: int) -> int:
        """The most bytes of its device that enlarging a picture of that size takes, its weights not counted."""
        ...

    @property
    def weights_bytes(self) -> int:
        """Bytes of its weights on its device."""
        ...


class NetworkUpscaler:
    """An upscaler of a network for each of its factors."""

    def __init__(
        self,
        name: str,
        digest: str,
        networks: Mapping[int, nn.Module],
        device: torch.device,
        *,
        margin: int,
        unpadded: bool = False,
        multiple: int = 1,
        least: int = 1,
        whole: bool = False,
        convolutions: bool = False,
    ) -> None:
        """`unpadded` networks lose `margin` at each side; others want sides of `least` and more, in multiples.

        Networks of nothing but `convolutions` run with the channels last in memory: there a processor's library works
        in place, where it would else make a copy of all that it is given.
        """
        layout = torch.channels_last if convolutions else torch.contiguous_format
        self.name, self.sha256, self.device, self.margin, self.whole = name, digest, device, margin, whole
        self.factors = tuple(sorted(networks))
        self._networks = {factor: each.to(device) for factor, each in networks.items()}
        for network in self._networks.values():
            network.to(memory_format=layout)  # type: ignore[call-overload]  # it is left out of what it says it takes
        self._layout = layout
        self._unpadded, self._multiple, self._least = unpadded, multiple, least
        # What oneDNN copies of a layer's input and output where the channels come first, measured; CUDA has workspaces.
        self._copies = 1.0 if convolutions and device.type == "cpu" else 1.8

    def enlarge(self, pixels: torch.Tensor, factor: int) -> torch.Tensor:
        """As `Upscaler` says."""
        return self._run(self._networks[factor], pixels, factor)

    def working_bytes(self, width: int, height: int, factor: int) -> int:
        """As `Upscaler` says; counted on tensors that have shapes and no data."""
        network = self._networks[factor]
        weights = {name: each.to("meta") for name, each in (*network.named_parameters(), *network.named_buffers())}
        pixels = torch.empty(1, 3, height, width, device="meta")
        most = live_bytes(lambda: self._run(lambda given: functional_call(network, weights, (given,)), pixels, factor))
        return round(self._copies * most)

    @property
    def weights_bytes(self) -> int:
        """As `Upscaler` says."""
        return sum(
            each.numel() * each.element_size()
            for network in self._networks.values()
            for each in (*network.parameters(), *network.buffers())
        )

    def _run(self, network: Callable[[torch.Tensor], torch.Tensor], pixels: torch.Tensor, factor: int) -> torch.Tensor:
        height, width = pixels.shape[-2:]
        if self._unpadded:
            given = functional.pad(pixels, [self.margin] * 4, mode="reflect")
        else:
            right, below = (
                max(self._least, -(-side // self._multiple) * self._multiple) - side for side in (width, height)
            )
            # Replicated: a picture may be too narrow to be mirrored.
            given = functional.pad(pixels, [0, right, 0, below], mode="replicate") if right or below else pixels
        with torch.inference_mode():
            made = network(given.contiguous(memory_format=self._layout))[..., : factor * height, : factor * width]
            # What is out of range grows each time that the result is enlarged again, into colours of its own.
            return made.clamp_(0, 1)


def read_packaged(name: str, package: Packaged, device: torch.device) -> Upscaler:
    """The networks of a package. Raises EngineError `upscaler_invalid` for what is damaged."""
    digest = sha256()
    networks: dict[int, nn.Module] = {}
    try:
        for factor, stem in package.files.items():
            layers, weights = ((package.folder / f"{stem}{ending}").read_bytes() for ending in (".param", ".bin"))
            networks[factor] = NcnnNetwork(read_layers(layers.decode()), weights)
            digest.update(weights)
    except (
        OSError,
        ValueError,
        LookupError,
        ArithmeticError,
        RuntimeError,
    ) as fault:  # what is damaged may say anything
        advice = "install its package again"
        raise EngineError(Code.UPSCALER_INVALID, upscaler=name, detail=_short(fault), advice=advice) from fault
    return NetworkUpscaler(
        name, digest.hexdigest(), networks, device, margin=package.margin, unpadded=package.unpadded, convolutions=True
    )


def read_own(name: str, path: Path, device: torch.device) -> Upscaler:
    """An artist's own network. Raises EngineError `upscaler_invalid` for what is none that enlarges."""
    try:
        own = read_own_network(path)
        digest = file_sha256(path)
    except (OSError, ValueError) as fault:
        advice = "use the weights of a network that enlarges pictures"
        raise EngineError(Code.UPSCALER_INVALID, upscaler=name, detail=_short(fault), advice=advice) from fault
    return NetworkUpscaler(
        name,
        digest,
        {own.factor: own.network},
        device,
        margin=own.margin,
        multiple=own.multiple,
        least=own.least,
        whole=own.whole,
    )


def _short(fault: Exception) -> str:
    return " ".join(str(fault).split())[:160].rstrip(".") or type(fault).__name__
