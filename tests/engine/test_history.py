"""What sections see of a shot's history: chosen frames, tails and entries of a codebook, without a model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional

from engine.framepack.codebook import discretised
from engine.framepack.grid import Grid, Seam
from engine.framepack.history import History, PackedContext
from engine.framepack.packing import Kernel, Tail, parse
from engine.framepack.plan import PlannedSection, ShotPlan, plan_shot
from engine.framepack.selection import choose, similarity, weighed
from engine.framepack.token_counts import tail_tokens
from engine.inference.hunyuan.packed_embed import PackedEmbed

GRID = Grid(9, 4, Seam.BLEND)
CHANNELS, ROWS, COLUMNS = 3, 40, 68
PACE = 7.5
SCHEDULES = ("td_f16k4f2k2f1k1_g9", "f1k1_td_f16k4f2k2f1k1_g9", "f1k1_x_g9_f1k1f2k2f16k4_td")
ENDPOINT = "td_f16k4f2k2f1k1_g9_x_f1k1"


def plan_of(schedule: str, sections: int = 6, *, selects: bool = False) -> ShotPlan:
    return plan_shot(GRID.frames(sections), grid=GRID, schedule=parse(schedule), selects=selects)


def latents(plan: ShotPlan, seed: int = 1, size: tuple[int, int] = (2, 2)) -> torch.Tensor:
    """Those of the whole shot, the board's first: (1, C, T, H, W)."""
    return torch.randn(1, CHANNELS, plan.latents, *size, generator=torch.Generator().manual_seed(seed))


def history_of(plan: ShotPlan, shot: torch.Tensor, codebook: torch.Tensor | None = None, **how: bool) -> History:
    return History(plan, {0: shot[:, :, :1]}, torch.zeros_like(shot[:, :, :1]), codebook, **how)


def made(
    plan: ShotPlan, shot: torch.Tensor, history: History | None = None
) -> Iterator[tuple[PlannedSection, History]]:
    """Each section when it is to be made, with its history; forgotten what is not looked at any more."""
    history = history_of(plan, shot) if history is None else history
    for planned in plan.made:
        yield planned, history
        history.add(planned, shot[:, :, planned.own.start : planned.own.stop])
        history.forget(planned)


def before_the_last(plan: ShotPlan, shot: torch.Tensor, codebook: torch.Tensor | None = None) -> History:
    """All but the last section are made, and nothing is forgotten."""
    history = history_of(plan, shot, codebook)
    for planned in plan.made[:-1]:
        history.add(planned, shot[:, :, planned.own.start : planned.own.stop])
    return history


def same(one: PackedContext, other: PackedContext) -> bool:
    return one.generated.equal(other.generated) and all(
        a.kernel == b.kernel and a.latents.equal(b.latents) and a.indices.equal(b.indices) and a.filled.equal(b.filled)
        for a, b in zip(one.blocks, other.blocks, strict=True)
    )


@pytest.mark.parametrize("schedule", [*SCHEDULES, ENDPOINT])
def test_by_nearness_alone_the_context_is_that_of_time(schedule: str) -> None:
    plan = plan_of(schedule, selects=True)
    shot = latents(plan)
    for planned, history in made(plan, shot):
        likeness = torch.rand(len(planned.layout.history), generator=torch.Generator().manual_seed(planned.number))
        selection = choose(planned.layout, weighed(likeness, PACE, 1e30), 0)
        assert same(history.context(planned, selection), history.context(planned))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_likest_frame_is_in_the_finest_slot_at_its_own_time(schedule: str) -> None:
    plan = plan_of(schedule, selects=True)
    shot = latents(plan, size=(4, 6))
    far = plan.made[0].own[4]  # of all sections the first one made is farthest from the last
    planned, history = plan.made[-1], before_the_last(plan, shot)
    frames = history.clip(planned.layout.history)[0].movedim(1, 0)
    likeness = similarity(frames, shot[0, :, [far]].movedim(1, 0))
    selection = choose(planned.layout, weighed(likeness, PACE, 0.0), 0)
    context = history.context(planned, selection)
    [finest] = [
        block
        for block, packed in zip(context.blocks, planned.layout.blocks, strict=True)
        if packed.history and block.kernel == Kernel(1, 2, 2)
    ]
    assert finest.latents.equal(shot[:, :, [far]])
    index = int(context.generated[0]) + far - planned.own.start
    assert finest.indices.tolist() == [max(0, index)]
    held = [latent for block in selection for latent in block if latent is not None]
    assert len(held) == len(set(held)) == 19


def test_where_frames_are_chosen_all_stay() -> None:
    plan = plan_of(SCHEDULES[0], 12, selects=True)
    shot = latents(plan)
    assert [len(history) for _, history in made(plan, shot)][-1] == 11 * 9
    assert max(len(history) for _, history in made(plan_of(SCHEDULES[0], 12), shot)) <= 19 + 9


# Tails.


def tails_of(schedule: str, shot: torch.Tensor, sections: int) -> list[tuple[PlannedSection, PackedContext, int]]:
    plan = plan_of(schedule, sections)
    return [(planned, history.context(planned), len(history)) for planned, history in made(plan, shot)]


@pytest.mark.parametrize("schedule", ["tc_f4k4f1k1_g9", "f1k1_tc_f4k4f1k1_g9", "f1k1_x_g9_f1k1f4k4_tc"])
def test_a_compressed_tail_is_the_mean_of_all_in_one_token(schedule: str) -> None:
    plan = plan_of(schedule, 30)
    shot = latents(plan, size=(4, 6))
    most = 0
    for planned, context, held in tails_of(schedule, shot, 30):
        most = max(most, held)
        if planned.number == 0:
            continue
        latents_ = planned.layout.tail.latents
        [tail] = [block for block in context.blocks if block.latents.shape[-2:] == (8, 8)]
        assert tail.kernel == Kernel(4, 8, 8)
        assert tail.latents.shape == (1, CHANNELS, 4, 8, 8)
        mean = shot[:, :, list(latents_)].double().mean((2, 3, 4)).float()[:, :, None, None, None]
        assert torch.allclose(tail.latents, mean.expand_as(tail.latents), atol=1e-6)
        times = [planned.layout.index(latent) for latent in latents_]
        assert tail.indices.tolist() == [pytest.approx(sum(times) / len(times))] * 4
        # What is made lies beyond the history without a gap, as far as the shot goes; the board is none of it.
        slots = {slot.latent for block in planned.layout.blocks if block.history for slot in block.slots}
        done = {latent for other in plan.made[: planned.number] for latent in other.own}
        assert set(latents_) == done - slots
    assert most <= 5 + 9 + 9, "however long the tail, memory is that of the history"


def test_a_constant_tails_token_is_that_of_the_constant() -> None:
    plan = plan_of("tc_f4k4f1k1_g9", 12)
    shot = torch.randn(1, CHANNELS, 1, 1, 1).expand(1, CHANNELS, plan.latents, 8, 8)
    embed = PackedEmbed(CHANNELS, 12, [(4, 8, 8)])
    for planned, context, _ in tails_of("tc_f4k4f1k1_g9", shot, 12)[1:]:
        tokens = embed((4, 8, 8), context.blocks[0].latents)
        assert tokens.shape[1] == tail_tokens(Tail.COMPRESS, Kernel(4, 8, 8), len(planned.layout.tail.latents), 8, 8)
        assert torch.allclose(tokens, embed((4, 8, 8), shot[:, :, :4]), atol=1e-5)


@pytest.mark.parametrize("schedule", ["ta_f2k2f1k1_g9", "f1k1_x_g9_f1k1f2k2_ta"])
def test_an_appended_tail_is_a_pixel_for_each_large_square(schedule: str) -> None:
    plan = plan_of(schedule, 8)
    shot = latents(plan, size=(ROWS, COLUMNS))
    embed = PackedEmbed(CHANNELS, 4, [(2, 4, 4)])
    for planned, context, held in tails_of(schedule, shot, 8):
        assert held <= 3 + 9 + 9
        if planned.layout.tail is None:
            assert planned.number == 0
            continue
        in_time = sorted(planned.layout.tail.latents)
        [tail] = [block for block in context.blocks if block.latents.shape[-2:] == (4, 4)]
        assert tail.indices.tolist() == [planned.layout.index(latent) for latent in in_time]
        whole = functional.pad(shot[:, :, in_time], (0, 96 - COLUMNS, 0, 64 - ROWS, 0, 0), mode="replicate")
        first = whole[..., :32, 32:64].mean((3, 4))
        assert torch.allclose(tail.latents[..., 0, 1], first, atol=1e-5)
        tokens = embed((2, 4, 4), tail.latents).shape[1]
        assert tokens == tail_tokens(Tail.APPEND, Kernel(2, 4, 4), len(in_time), ROWS, COLUMNS)


@pytest.mark.parametrize("schedule", ["tc_f4k4f1k1_g9", "ta_f2k2f1k1_g9", "f1k1_x_g9_f1k1f2k2_tc", "tc_f2k1_g9_x_f1k1"])
def test_a_tail_is_the_same_to_the_bit_after_an_interruption(schedule: str) -> None:
    plan = plan_of(schedule, 8)
    shot = latents(plan, size=(6, 10))
    contexts = [context for _, context, _ in tails_of(schedule, shot, 8)]
    for done in range(len(plan.made)):
        history = history_of(plan, shot)
        for planned in plan.made[:done]:  # as when a shot is gone on with: nobody asks what they saw
            history.add(planned, shot[:, :, planned.own.start : planned.own.stop])
            history.forget(planned)
        assert same(history.context(plan.made[done]), contexts[done])
        assert same(history.context(plan.made[done]), contexts[done]), "asked twice"


# Codebooks.


def entries(count: int) -> torch.Tensor:
    return torch.randn(count, CHANNELS, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("clean", [True, False])
def test_history_is_made_of_entries_and_boards_as_asked(clean: bool) -> None:
    plan = plan_of("f1k1_td_f16k4f2k2f1k1_g9")
    shot, book = latents(plan), entries(5)
    planned = plan.made[1]
    # The section after the first: its slots hold the board, and nine latents that were made.
    fresh = history_of(plan, shot, book, clean_boards=clean)
    fresh.add(plan.made[0], shot[:, :, 1:10])
    for block, packed in zip(fresh.context(planned).blocks, planned.layout.blocks, strict=True):
        for place, slot in enumerate(packed.slots):
            frame = block.latents[:, :, [place]]
            if slot.latent is None:
                assert not frame.any()
            elif slot.latent == 0 and clean:
                assert frame.equal(shot[:, :, :1])
            else:
                assert frame.equal(discretised(shot[:, :, [slot.latent]], book))
    assert fresh.clip(range(10)).equal(shot[:, :, :10]), "what is decoded is as it was made"


def test_a_tail_is_made_of_entries_too() -> None:
    plan, book = plan_of("tc_f4k4f1k1_g9"), entries(5)
    shot = latents(plan)
    planned = plan.made[-1]
    seen = discretised(shot[:, :, list(planned.layout.tail.latents)], book)
    mean = before_the_last(plan, shot, book).context(planned).blocks[0].latents[..., 0, 0, 0]
    assert torch.allclose(mean, seen.mean((2, 3, 4)), atol=1e-6)


def test_one_entry_makes_all_histories_equal() -> None:
    plan = plan_of("tc_f16k4f2k2f1k1_g9")
    one, other = (
        [
            history.context(planned)
            for planned, history in made(plan, shot, history_of(plan, shot, entries(1), clean_boards=False))
        ]
        for shot in (latents(plan, 1), latents(plan, 2))
    )
    assert all(same(*pair) for pair in zip(one, other, strict=True))


def test_a_codebook_of_every_pixel_changes_nothing() -> None:
    plan = plan_of("td_f16k4f2k2f1k1_g9", 3)
    shot = latents(plan)
    book = shot.movedim(1, -1).reshape(-1, CHANNELS)
    plain, coded = (
        [history.context(planned) for planned, history in made(plan, shot, history_of(plan, shot, codebook))]
        for codebook in (None, book)
    )
    assert all(same(*pair) for pair in zip(plain, coded, strict=True))
