"""The placement policy: properties that hold for any model and any room, and what it says of the 13B model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.inference.memory.placement import (
    ALL_KEPT,
    GIB,
    SMALL_TILE,
    TILE,
    Demand,
    Part,
    Placement,
    Room,
    Stay,
    place,
)

BYTES = st.integers(0, 40 * GIB)
KINDS = st.sampled_from(["cuda", "mps", "cpu"])


@st.composite
def parts(draw: st.DrawFn) -> Part:
    weights = draw(BYTES)
    block = draw(st.integers(0, weights))
    return Part(weights, block, draw(st.integers(0, weights - block)), draw(BYTES))


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    whole = draw(BYTES)
    tiled = draw(st.integers(0, whole))
    decode = {0: whole, TILE: tiled, SMALL_TILE: draw(st.integers(0, tiled))}
    encoders = draw(st.dictionaries(st.sampled_from("abc"), parts()))
    return Demand(encoders, draw(parts()), draw(parts()), decode, draw(BYTES), draw(BYTES))


ROOMS = st.builds(Room, KINDS, BYTES, BYTES, st.integers(0, GIB))


@given(demands(), ROOMS, st.integers(0, GIB))
def test_main_memory_holds_what_waits_all_along_and_twice_while_it_is_written(
    demand: Demand, room: Room, more: int
) -> None:
    longer = replace(demand, waiting=demand.waiting + more)
    before, after = (ALL_KEPT.stages(each, room) for each in (demand, longer))
    own = more if room.kind == "cpu" else 0
    assert {stage: after[stage] - before[stage] for stage in before} == {
        stage: own * (2 if stage == "finished frames" else 1) for stage in before
    }


def test_weights_wait_on_disk_where_what_waits_takes_their_main_memory() -> None:
    part = Part(8 * GIB, GIB, GIB, GIB)
    demand = Demand({}, part, Part(0, 0, 0, 0), {0: 0, TILE: 0, SMALL_TILE: 0})
    room = Room("cuda", 5 * GIB, 10 * GIB)
    assert not place(demand, room).placement.on_disk
    assert place(replace(demand, waiting=GIB + 1), room).placement.on_disk


@given(demands(), ROOMS)
def test_what_fits_is_within_the_room(demand: Demand, room: Room) -> None:
    placed = place(demand, room)
    assert placed.peak == placed.placement.peak(demand, room) == max(placed.placement.stages(demand, room).values())
    assert placed.fits == (placed.peak <= room.usable)
    assert placed.fits or place(demand, room, retry=20).peak > room.usable or placed == place(demand, room, retry=20)


@given(demands(), ROOMS, BYTES)
def test_what_fits_somewhere_fits_where_there_is_more(demand: Demand, room: Room, more: int) -> None:
    if place(demand, room).fits:
        assert place(demand, Room(room.kind, room.free + more, room.ram, room.base)).fits


@given(demands(), ROOMS)
def test_everything_stays_where_there_is_room(demand: Demand, room: Room) -> None:
    plenty = Room(room.kind, 2**50, room.ram, room.base)
    assert place(demand, plenty).placement == Placement(async_decode=room.kind == "cuda")


@given(demands(), ROOMS, st.integers(0, 2))
def test_decoding_aside_takes_nothing_from_the_shot(demand: Demand, room: Room, retry: int) -> None:
    """It changes nothing else about the placement, both works are counted, and whoever ran out of memory has it not."""
    placed = place(demand, room, retry=retry)
    if placed.placement.async_decode:
        assert retry == 0
        assert placed.fits
        assert room.kind == "cuda"
        alone = replace(placed.placement, async_decode=False)
        assert (alone.transformer, alone.vae) == (Stay.KEPT, Stay.KEPT)
        both = alone.stages(demand, room)["transformer"] + demand.decode[alone.tile]
        assert placed.placement.stages(demand, room)["transformer"] == both


@given(demands(), ROOMS, st.integers(0, 4))
def test_leaner_is_never_more(demand: Demand, room: Room, times: int) -> None:
    """Each time memory has run out at least a fifth less is asked for, or the leanest taken; precision goes last."""
    once, again = (place(demand, room, retry=count) for count in (times, times + 1))
    assert again.placement.half_precision >= once.placement.half_precision
    if once.placement.half_precision == again.placement.half_precision and again != once:
        small = again.peak - room.base <= 0.8 * (once.peak - room.base)
        further = place(demand, room, retry=times + 2)
        assert small or further == again or further.placement.half_precision
    assert place(demand, room, retry=50) == place(demand, room, retry=51)


@given(demands(), ROOMS)
def test_only_a_graphics_card_is_streamed_to(demand: Demand, room: Room) -> None:
    placement = place(demand, room).placement
    if room.kind != "cuda":
        assert Stay.STREAMED not in (placement.encoders, placement.transformer)
    assert placement.half_precision <= (room.kind == "cpu")


def test_words_say_what_is_special() -> None:
    assert ALL_KEPT.words == ""
    lean = Placement(Stay.STREAMED, Stay.STREAMED, Stay.IN_TURN, TILE, on_disk=True)
    assert lean.words == (
        "the transformer's blocks visit the device one by one, weights wait on disk, "
        "pictures are decoded in tiles of 256 pixels"
    )


@pytest.mark.parametrize(("kept", "turn"), [(Stay.KEPT, Stay.IN_TURN)])
def test_in_turn_means_never_together(kept: Stay, turn: Stay) -> None:
    part = Part(100, 10, 0, 5)
    demand = Demand({"text_encoder": part}, part, part, {0: 7, TILE: 7, SMALL_TILE: 7})
    room = Room("mps", 10**6, 0)
    assert Placement(kept, kept, kept).peak(demand, room) == 307
    assert Placement(turn, turn, turn).stages(demand, room) == {"text_encoder": 105, "transformer": 105, "vae": 107}
    assert Placement(turn, Stay.STREAMED, kept).stages(demand, room)["transformer"] == 100 + 20 + 5
