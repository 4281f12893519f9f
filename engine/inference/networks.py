"""The networks of one model on one device: loaded when needed, each where the placement says, parked while others need
the GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.hooks import apply_group_offloading

from .loading import load_network
from .memory.measure import release_unused
from .memory.placement import Placement, Stay

_PARTS = ("text_encoder", "text_encoder_2", "image_encoder", "vae", "transformer")
"""What has weights, in the sequence in which a shot needs it; a family has some of them."""
_WORK = "encoding or decoding"


class Networks:
    """Networks by the name of their folder in `components`.

    `loading` is told what is being loaded, such as "loading text encoder 1/5", and what begins once a network is there:
    "sampling".
    """

    def __init__(
        self,
        components: Mapping[str, Path],
        device: torch.device,
        placement: Placement,
        loading: Callable[[str], None],
    ) -> None:
        self._components = components
        self._device = device
        self._placement = placement
        self._loading = loading
        self._kept: dict[str, Any] = {}
        self._at_work = ""
        """Which was asked for last."""

    def encoder(self, name: str, kind: Any, dtype: torch.dtype) -> Any:
        """An encoder, which a shot needs once: where the placement does not keep it, it is the caller's alone."""
        stay = self._placement.encoders
        if stay is Stay.KEPT:
            return self.network(name, kind, dtype)
        self._leave(name)
        network = self._load(name, kind, dtype, stay, leaves=True)
        self._loading(_WORK)
        return network

    def network(self, name: str, kind: Any, dtype: torch.dtype, prepare: Callable[[Any], None] | None = None) -> Any:
        """A network that stays, on the device or near it; `prepare` is called before it goes there."""
        self._leave(name)
        stay = self._stay(name)
        if name not in self._kept:
            network = self._load(name, kind, dtype, stay, prepare=prepare)
            self._kept[name] = network
        elif stay is Stay.IN_TURN:
            self._kept[name].to(self._device)
        self._loading("sampling" if name == "transformer" else _WORK)
        return self._kept[name]

    def move(self, device: torch.device) -> None:
        """Move what is kept: to main memory while somebody else needs the GPU, and back to where it was.

        Where that fails nothing is kept any more: half of it would be here, and half of it there.
        """
        there = [name for name in self._kept if self._stay(name) is Stay.KEPT]
        if self._at_work in self._kept and self._stay(self._at_work) is Stay.IN_TURN:
            there.append(
                self._at_work
            )  # the section under way goes on calling it; the others come when they are wanted
        try:
            for name in there:
                self._kept[name].to(device)
        except BaseException:
            self._kept.clear()
            raise
        finally:
            release_unused(self._device)

    def _stay(self, name: str) -> Stay:
        return {"vae": self._placement.vae, "transformer": self._placement.transformer}.get(
            name, self._placement.encoders
        )

    def _leave(self, coming: str) -> None:
        """Make those leave the device that are there in turn, but `coming`.

        From a graphics card they go to main memory; where the device uses that itself they are forgotten.
        """
        self._at_work = coming
        going = [name for name in self._kept if name != coming and self._stay(name) is Stay.IN_TURN]
        for name in going:
            if self._device.type == "cuda":
                self._kept[name].to("cpu")
            else:
                del self._kept[name]
        if going or (coming not in self._kept and self._placement.encoders is not Stay.KEPT):
            release_unused(self._device)  # also an encoder's, which is gone by now

    def _load(
        self,
        name: str,
        kind: Any,
        dtype: torch.dtype,
        stay: Stay,
        *,
        leaves: bool = False,
        prepare: Callable[[Any], None] | None = None,
    ) -> Any:
        parts = [part for part in _PARTS if part in self._components]
        self._loading(f"loading {name.replace('_', ' ')} {parts.index(name) + 1}/{len(parts)}")
        streamed = stay is Stay.STREAMED
        device = torch.device("cpu") if streamed else self._device
        network = load_network(kind, self._components[name], dtype, device, prepare)
        if streamed:
            self._stream(network, leaves)
        return network

    def _stream(self, network: Any, leaves: bool) -> None:
        """Let the network's blocks, or with `leaves` its smallest modules, visit the device.

        A graphics card fetches the next block while one works. Weights are pinned beforehand where main memory can
        hold them so; else each block is read and pinned as it is wanted, from the mapped file where memory is short.
        """
        beside = self._device.type == "cuda"
        apply_group_offloading(
            network,
            onload_device=self._device,
            offload_device=torch.device("cpu"),
            offload_type="leaf_level" if leaves else "block_level",
            num_blocks_per_group=None if leaves else 1,
            use_stream=beside,
            low_cpu_mem_usage=beside and self._placement.on_disk,
        )
