"""The networks of one model on one device: loaded when needed, kept or let go, parked while others need the GPU."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from .loading import load_network
from .spec import Thrift

_PARTS = ("text_encoder", "text_encoder_2", "image_encoder", "vae", "transformer")
"""What has weights, in the sequence in which a shot needs it; a family has some of them."""


class Networks:
    """Networks by the name of their folder in `components`.

    `loading` is told what is being loaded, such as "loading text encoder 1/5". Under `thrift.one_at_a_time` no network
    stays on the device while another is loaded, and a transformer that can lends its blocks to the device one by one.
    """

    def __init__(
        self, components: Mapping[str, Path], device: torch.device, thrift: Thrift, loading: Callable[[str], None]
    ) -> None:
        self._components = components
        self._device = device
        self._thrift = thrift
        self._loading = loading
        self._kept: dict[str, Any] = {}
        self._lent: set[str] = set()
        """Those whose blocks live in main memory and visit the device; they cannot be moved as a whole."""

    def once(self, name: str, kind: Any, dtype: torch.dtype) -> Any:
        """A network for the caller alone, such as an encoder, which a shot needs once: not kept."""
        self._make_room()
        return self._load(name, kind, dtype, self._device)

    def kept(self, name: str, kind: Any, dtype: torch.dtype, prepare: Callable[[Any], None] | None = None) -> Any:
        """A network that stays until something else needs its room; `prepare` is called once it is loaded."""
        if name not in self._kept:
            self._make_room()
            lent = self._thrift.one_at_a_time and self._device.type == "cuda" and hasattr(kind, "enable_group_offload")
            network = self._load(name, kind, dtype, torch.device("cpu") if lent else self._device)
            if prepare is not None:
                prepare(network)
            if lent:
                network.enable_group_offload(
                    onload_device=self._device,
                    offload_device=torch.device("cpu"),
                    offload_type="block_level",
                    num_blocks_per_group=1,
                )
                self._lent.add(name)
            self._kept[name] = network
        return self._kept[name]

    def move(self, device: torch.device) -> None:
        """Move what is kept: to main memory while somebody else needs the GPU, and back."""
        for name, network in self._kept.items():
            if name not in self._lent:
                network.to(device)
        self._free()

    def _free(self) -> None:
        """Give memory that nothing uses any more back to the device."""
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _make_room(self) -> None:
        if self._thrift.one_at_a_time:
            self._kept.clear()
            self._lent.clear()
        self._free()  # of an encoder, which is gone by now, too

    def _load(self, name: str, kind: Any, dtype: torch.dtype, device: torch.device) -> Any:
        parts = [part for part in _PARTS if part in self._components]
        self._loading(f"loading {name.replace('_', ' ')} {parts.index(name) + 1}/{len(parts)}")
        return load_network(kind, self._components[name], dtype, device)
