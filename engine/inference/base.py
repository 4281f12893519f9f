"""What families have in common: the networks of one checkpoint on one device, and what is done to all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..models.lora_files import LoraFile
from ..models.spec import ModelSpec
from .lora_merge import merge_loras
from .memory.placement import ALL_KEPT, Placement
from .networks import Networks
from .speed.attention import use_attention
from .speed.compile import compile_blocks
from .speed.convolution import convolve_by_onednn
from .speed.kernels import AS_RELEASED, TORCH_CHOICE, Kernels
from .speed.step_cache import StepCache


class NetworkFamily(ABC):
    """The part of a `Family` that does not know what its networks are."""

    def __init__(
        self,
        components: Mapping[str, Path],
        spec: ModelSpec,
        device: torch.device,
        cache: StepCache | None = None,
        placement: Placement = ALL_KEPT,
        loras: Sequence[LoraFile] = (),
        loading: Callable[[str], None] = lambda _: None,
        kernels: Kernels = AS_RELEASED,
    ) -> None:
        """`components` gives each part's folder; `loading` is told which network is being loaded."""
        self.spec = spec
        self.device = device
        self.kernels = kernels
        self._components = components
        self._cache = cache
        self._placement = placement
        self._loras = loras
        self._decoding = ThreadPoolExecutor(1, "decode")
        self._stream: torch.cuda.Stream | None = None
        if placement.async_decode and device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._networks = Networks(components, device, placement, loading)

    @property
    def decodes_async(self) -> bool:
        """Whether a section is to be decoded while the next one is sampled."""
        return self._placement.async_decode

    def decode_async(self, latents: torch.Tensor) -> Future[torch.Tensor]:
        """`decode` in a thread and, on a graphics card, a stream of its own; one at a time."""
        self._vae()  # two threads must not load at once
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self.device))

        def decode() -> torch.Tensor:
            with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
                return self.decode(latents)  # it ends on the CPU, and so has waited for the stream

        return self._decoding.submit(decode)

    @abstractmethod
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """As `Family.decode`."""

    def decode_in_time(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """As `Family.decode_in_time`; where a family does not say otherwise all frames come at once."""
        yield self.decode(latents)

    def load(self) -> Iterator[None]:
        """As `Family.load`; where a family does not say otherwise its networks are loaded when they are used."""
        yield from ()

    @abstractmethod
    def _vae(self) -> Any:
        """The VAE, loaded once."""

    def park(self) -> None:
        """Take all weights off the device, between two steps; they stay in main memory."""
        self._decoding.submit(int).result()  # whatever is being decoded is done then
        self._networks.move(torch.device("cpu"))

    def unpark(self) -> None:
        """Put the weights back where they were."""
        self._networks.move(self.device)

    def _prepare_vae(self, vae: Any) -> None:
        """Let the VAE decode in tiles where the placement says so, and on a processor by its fastest convolutions."""
        if self.kernels.convolution != TORCH_CHOICE:
            convolve_by_onednn(vae.decoder)
        if tile := self._placement.tile:
            stride = tile * 3 // 4
            vae.enable_tiling(tile, tile, tile_sample_stride_height=stride, tile_sample_stride_width=stride)

    def _merge(self, transformer: Any, reader: Any) -> None:
        """Add the job's LoRAs to the transformer; `reader` is a class of diffusers that reads files made for it."""
        merge_loras(transformer, self._loras, reader)

    def _speed_up(self, transformer: Any, blocks: Sequence[Any]) -> None:
        """Let the transformer, whose repeated blocks are `blocks`, run as placement and kernels say."""
        if self._placement.int8_weights:
            from .speed.quantize import (
                store_in_eight_bits,  # its library takes a while to import, and few cards need it
            )

            store_in_eight_bits(blocks)
        use_attention(transformer, self.kernels.attention)
        if self.kernels.compiled:
            compile_blocks(blocks, self._compiling_failed)

    def _compiling_failed(self) -> None:
        self.kernels = replace(self.kernels, compiled=False)
