"""Where a model's networks live while a shot is made: one policy, from what room there is and what the shot needs.

Placements are tried from the roomiest to the leanest, and the first that fits is taken. They change where weights lie
and when they travel, not what is computed, so the frames are the same; the two exceptions are said where they are: a
picture decoded in tiles, and half precision on a CPU that is short of memory. Numbers only: no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

GIB = 2**30
TILE, SMALL_TILE = 256, 128
"""Sides in pixels of the tiles that a picture is decoded in where memory is short; a quarter overlaps. Released
FramePack decodes in tiles of 256 on every card under 60 GB."""
_SPARE_SHARE, _SPARE = 0.05, GIB // 4
"""Room left free: the allocator wastes some, and other programs want some."""
_NOTABLY_LESS = 0.8
_LIBRARIES, _HALF_LIBRARIES = 128 * 2**20, 40 * 2**20
"""What torch's CPU libraries take for themselves once they work, and more in bfloat16: measured on Sketch."""


class Stay(StrEnum):
    """How a network uses the device."""

    KEPT = "kept"
    """On the device from its first use on."""
    IN_TURN = "in turn"
    """On the device while it works, and gone before the next one comes."""
    STREAMED = "streamed"
    """In main memory; its blocks visit the device one after the other (diffusers' group offloading)."""


@dataclass(frozen=True)
class Extent:
    """How large the work on one section is, whatever the shot's length."""

    width: int
    height: int
    """Pixels."""
    tokens: int
    """Tokens of the section and its packed context together, without the prompt's."""
    latents: int
    """Latent frames decoded together at most."""
    encoded: int = 1
    """Pixel frames encoded together at most."""
    led: int = 0
    """Latent frames of a guide that a section sees at most, as history or in its context; 0 where it is but steered."""
    waiting: int = 0
    """Pixel frames that wait for neighbours at most, beside the one block of them that any order has."""


@dataclass(frozen=True)
class Part:
    """One network in bytes: its weights as it runs, its largest block, all that is in no block, its working memory."""

    weights: int
    block: int
    rest: int
    work: int

    @property
    def streamed(self) -> int:
        """On the device while it is streamed: one block works while the next one arrives."""
        return min(self.weights, self.rest + 2 * self.block)

    def in_eight_bits(self) -> Part:
        """The same with the blocks' weights in 8 bits instead of 16; a block is more than what is widened at a time."""
        return Part(self.weights - (self.weights - self.rest) // 2, self.block // 2, self.rest, self.work + self.block)

    def scaled(self, factor: float) -> Part:
        """The same in numbers of another width."""
        return Part(*(round(factor * each) for each in (self.weights, self.block, self.rest, self.work)))


@dataclass(frozen=True)
class Demand:
    """What a shot asks of the memory, whatever its length: every section is as large as the next."""

    encoders: Mapping[str, Part]
    transformer: Part
    vae: Part
    """Its work is that of encoding a board."""
    decode: Mapping[int, int]
    """Working bytes of decoding one section: whole (0), and in tiles of `TILE` and `SMALL_TILE`."""
    finished: int = 0
    """Main memory that finished frames take until they are written."""
    waiting: int = 0
    """Main memory of the frames that wait for neighbours (`Extent.waiting`), and once more while they are written."""

    def scaled(self, factor: float) -> Demand:
        """The same in numbers of another width."""
        encoders = {name: part.scaled(factor) for name, part in self.encoders.items()}
        decode = {tile: round(factor * work) for tile, work in self.decode.items()}
        return Demand(
            encoders, self.transformer.scaled(factor), self.vae.scaled(factor), decode, self.finished, self.waiting
        )

    @property
    def weights(self) -> int:
        """Bytes of all networks together."""
        return sum(part.weights for part in (*self.encoders.values(), self.transformer, self.vae))


@dataclass(frozen=True)
class Room:
    """What there is: the device's kind, bytes that may be used on it, and bytes of main memory for what waits there.

    `base` is what the process holds before any network is loaded; it counts where the device is the CPU.
    """

    kind: str
    free: int
    ram: int
    base: int = 0

    @property
    def streams(self) -> bool:
        """Whether blocks can come and go beside the work: MPS and CPU share one memory with what they come from."""
        return self.kind == "cuda"

    @property
    def usable(self) -> int:
        """Bytes that a placement may reach."""
        return max(0, round(self.free * (1 - _SPARE_SHARE)) - _SPARE)


@dataclass(frozen=True)
class Placement:
    """Where each network lives, and how a section is decoded."""

    encoders: Stay = Stay.KEPT
    transformer: Stay = Stay.KEPT
    vae: Stay = Stay.KEPT
    tile: int = 0
    """Side of the tiles in which pictures are decoded; 0: whole."""
    half_precision: bool = False
    """Half precision on a device that would use float32."""
    on_disk: bool = False
    """What is streamed waits on disk, because main memory does not hold it."""
    int8_weights: bool = False
    """The transformer's blocks wait in 8 bits (torchao's int8 weights): where speed goes before exactness."""

    async_decode: bool = False
    """A section is decoded while the next one is sampled: both work on the device at once."""

    def stages(self, demand: Demand, room: Room) -> dict[str, int]:
        """Bytes on the device at each stage of a shot's life, by the network at work; the peak is the largest."""
        if self.half_precision:
            demand = demand.scaled(0.5)
        if self.int8_weights:
            demand = replace(demand, transformer=demand.transformer.in_eight_bits())
        stays = {
            **{name: (self.encoders, part) for name, part in demand.encoders.items()},
            "transformer": (self.transformer, demand.transformer),
            "vae": (self.vae, demand.vae),
        }
        kept = sum(part.weights for stay, part in stays.values() if stay is Stay.KEPT)
        bytes_ = {}
        for name, (stay, part) in stays.items():
            own = {Stay.KEPT: 0, Stay.IN_TURN: part.weights, Stay.STREAMED: part.streamed}[stay]
            work = max(part.work, demand.decode[self.tile]) if name == "vae" else part.work
            bytes_[name] = room.base + kept + own + work
        if self.async_decode:
            bytes_["transformer"] += demand.decode[self.tile]
        if room.kind == "cpu":
            bytes_["finished frames"] = room.base + kept + demand.finished + demand.waiting
            libraries = _LIBRARIES + self.half_precision * _HALF_LIBRARIES
            bytes_ = {stage: each + libraries + demand.waiting for stage, each in bytes_.items()}
        return bytes_

    def peak(self, demand: Demand, room: Room) -> int:
        """The most bytes on the device at any time."""
        return max(self.stages(demand, room).values())

    @property
    def words(self) -> str:
        """What is special about it, for people; empty where everything stays on the device."""
        said = []
        if self.transformer is Stay.STREAMED:
            said.append("the transformer's blocks visit the device one by one")
        elif self.transformer is Stay.IN_TURN:
            said.append("one network at a time")
        elif self.encoders is not Stay.KEPT:
            said.append("encoders leave after use")
        if self.on_disk:
            said.append("weights wait on disk")
        if self.tile:
            said.append(f"pictures are decoded in tiles of {self.tile} pixels")
        if self.half_precision:
            said.append("half precision")
        if self.int8_weights:
            said.append("weights in 8 bits")
        if self.async_decode:
            said.append("sections are decoded beside the sampling")
        return ", ".join(said)


ALL_KEPT = Placement()
"""Everything stays on the device, and pictures are decoded whole."""


@dataclass(frozen=True)
class Placed:
    """The policy's answer."""

    placement: Placement
    peak: int
    """Predicted bytes on the device (of the whole process where that is the CPU)."""
    fits: bool
    """Whether the prediction says that there is room."""


def place(demand: Demand, room: Room, *, retry: int = 0, int8_weights: bool = False) -> Placed:
    """The roomiest placement that fits; else the leanest there is, with `fits` False.

    Where a graphics card has room to spare beside it, sections are decoded meanwhile.

    With `int8_weights` a graphics card without room for the transformer as it is may hold its weights in 8 bits.

    `retry` is how often memory has run out already: for each time the next placement is taken that needs at least a
    fifth less, or the leanest; precision is given up last.
    """
    ladder = [(each, each.peak(demand, room)) for each in _ladder(demand, room, int8_weights)]
    chosen = next((number for number, (_, peak) in enumerate(ladder) if peak <= room.usable), len(ladder) - 1)
    precise = sum(not each.half_precision for each, _ in ladder)
    for _ in range(retry):
        enough = _NOTABLY_LESS * (ladder[chosen][1] - room.base)
        below = (n for n in range(chosen + 1, precise) if ladder[n][1] - room.base <= enough)
        chosen = next(below, precise - 1 if chosen < precise - 1 else len(ladder) - 1)
    placement, peak = ladder[chosen]
    if room.streams and not retry and (placement.transformer, placement.vae) == (Stay.KEPT, Stay.KEPT):
        aside = replace(placement, async_decode=True)
        if (more := aside.peak(demand, room)) <= room.usable:
            return Placed(aside, more, fits=True)
    return Placed(placement, peak, peak <= room.usable)


def _ladder(demand: Demand, room: Room, int8_weights: bool) -> Iterator[Placement]:
    """Every placement worth trying, the best first."""
    tiles = (0, TILE, SMALL_TILE) if demand.decode[TILE] < demand.decode[0] else (0,)
    yield ALL_KEPT
    for tile in tiles[:2]:
        yield from _with_encoders(Placement(tile=tile), room)
    if room.streams:
        if int8_weights:
            for tile in tiles[:2]:
                yield from _with_encoders(Placement(tile=tile, int8_weights=True), room)
        on_disk = demand.transformer.weights + 2 * demand.waiting > room.ram
        # Made in memory, on no disk.
        int8_weights = int8_weights and demand.transformer.in_eight_bits().weights <= room.ram
        streamed = Placement(transformer=Stay.STREAMED, on_disk=on_disk and not int8_weights, int8_weights=int8_weights)
        for tile in tiles[:2]:
            yield from _with_encoders(replace(streamed, tile=tile), room)
        for tile in tiles[1:] or (0,):
            yield replace(streamed, encoders=Stay.STREAMED, vae=Stay.IN_TURN, tile=tile)
        return
    turns = Placement(encoders=Stay.IN_TURN, transformer=Stay.IN_TURN, vae=Stay.IN_TURN)
    for half_precision in (False, True) if room.kind == "cpu" else (False,):
        for tile in tiles:
            yield replace(turns, tile=tile, half_precision=half_precision)


def _with_encoders(placement: Placement, room: Room) -> Iterator[Placement]:
    """The placement with encoders that leave after use, and, where that can be, with encoders that are streamed."""
    yield replace(placement, encoders=Stay.IN_TURN)
    if room.streams:
        yield replace(placement, encoders=Stay.STREAMED)
