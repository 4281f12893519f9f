"""A variant that chooses what it sees of its history: as the engine does, for many samples, in training and after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import EngineError
from engine.framepack.grid import Grid, Seam
from engine.framepack.history import PackedContext
from engine.framepack.selection import choose, similarity, weighed
from engine.inference.hunyuan.packed_transformer import PackedTransformer
from engine.models.packing_use import Packing, PackingUse
from lab.bank import Drawn
from lab.base import loss_on
from lab.choice import Choice, newest, of_samples
from lab.commands.options import FIRST
from lab.experiment import Variant, read_experiment
from lab.held_out import Encoded, encode_scenes, memory_scenes
from lab.lessons import planned_shot
from lab.network import begun, kernels_of, look, new_network, velocity
from lab.rollout import Rollout
from lab.sight import Sight
from lab.sketch_parts import SketchParts
from lab.world import Path as Way
from training.lessons import Lesson

GRID = Grid(9, 4, Seam.CAUSAL, 2)
FINE = "td_f8k1h4w4f2k2f1k1_g9"
RETURNS = FIRST.with_name("returns.toml")
PACE = 7.5


def choice(packing: Packing = Packing.SIMILARITY, **use: object) -> Choice:
    return Choice(packing, PackingUse((packing,), **use), PACE)  # type: ignore[arg-type]


def variant(packing: str, schedule: str = FINE) -> Variant:
    return Variant("v", "", schedule, ("R",), packing=packing)


def lesson_of(section: int = 2, *, selects: bool = True) -> Lesson:
    plan = planned_shot(FINE, 3, GRID, selects=selects)
    return Lesson(plan, plan.by_section[section], (0, 4, 8))


def same(one: PackedContext, other: PackedContext) -> bool:
    """Whether both hold the same at the same indices, be these a batch's or each sample's."""
    return all(
        torch.equal(left.latents, right.latents)
        and bool((left.indices == right.indices).all())
        and torch.equal(left.filled, right.filled)
        for left, right in zip(one.blocks, other.blocks, strict=True)
    )


@pytest.fixture(scope="module")
def network() -> PackedTransformer:
    return new_network(1).eval()


@pytest.fixture(scope="module")
def shots() -> torch.Tensor:
    return torch.randn(4, 16, 28, 8, 8, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def parts() -> SketchParts:
    return SketchParts.load()


@pytest.fixture(scope="module")
def scenes(parts: SketchParts) -> Encoded:
    """Two that turn back after a section."""
    few = [replace(each, path=Way(each.path.motions[3:6])) for each in memory_scenes(2)]
    return encode_scenes(few, parts.encoder, parts.pipeline.image_encoder)


def test_each_sample_sees_what_the_engine_would_choose_for_it(shots: torch.Tensor) -> None:
    lesson, estimate = lesson_of(), shots[:, :, -9:].flip(0)
    context = choice().context(lesson.history(shots), lesson.planned, estimate)
    assert all(block.indices.shape == (4, len(block.filled)) for block in context.blocks)
    seen = set()
    for number in range(4):
        alone = lesson.history(shots[number : number + 1])
        past = alone.clip(lesson.planned.layout.history)
        likeness = similarity(past[0].movedim(1, 0), estimate[number].movedim(1, 0))
        selection = choose(lesson.planned.layout, weighed(likeness, PACE, 0.0), 1)
        wanted = alone.context(lesson.planned, selection)
        found = [
            replace(block, latents=block.latents[number : number + 1], indices=block.indices[number])
            for block in context.blocks
        ]
        assert same(PackedContext(tuple(found), context.generated), wanted)
        seen.add(selection)
    assert len(seen) == 4, "else indices need not differ"


def test_a_batch_with_frames_of_its_own_is_as_many_batches_of_one(
    network: PackedTransformer, shots: torch.Tensor
) -> None:
    lesson, draw = lesson_of(), torch.Generator().manual_seed(4)
    context = lesson.of_frames(choice().context(lesson.history(shots), lesson.planned, shots[:, :, -9:]))
    words = {
        "encoder_hidden_states": torch.randn(4, 8, 64, generator=draw),
        "encoder_attention_mask": torch.ones(4, 8),
        "pooled_projections": torch.randn(4, 64, generator=draw),
        "image_embeds": torch.randn(4, 9, 48, generator=draw),
    }
    noised = torch.randn(4, 16, 3, 8, 8, generator=draw)
    together = velocity(network, noised, torch.full((4,), 0.7), context, words, precise=True)
    for number in range(4):
        one = slice(number, number + 1)
        blocks = (replace(each, latents=each.latents[one], indices=each.indices[number]) for each in context.blocks)
        alone = velocity(
            network,
            noised[one],
            torch.tensor([0.7]),
            PackedContext(tuple(blocks), context.generated),
            {name: each[one] for name, each in words.items()},
            precise=True,
        )
        torch.testing.assert_close(together[one], alone, atol=1e-4, rtol=1e-4)


def test_much_weight_on_nearness_is_time(shots: torch.Tensor) -> None:
    lesson = lesson_of()
    history = lesson.history(shots)
    by_time = history.context(lesson.planned)
    near = choice(Packing.HYBRID, weight=1e6, keep=0).context(history, lesson.planned, shots[:, :, -9:])
    assert same(near, by_time)
    assert not same(choice().context(history, lesson.planned, shots[:, :, -9:]), by_time)
    assert same(by_time, lesson_of(selects=False).history(shots).context(lesson_of(selects=False).planned))


def test_a_frame_that_is_what_comes_is_seen(shots: torch.Tensor) -> None:
    """At its true index, and the newest frames stay where they are."""
    lesson = lesson_of()
    estimate = shots[:, :, 4:5].expand(-1, -1, 9, -1, -1)
    far, middle, near = choice(keep=3).context(lesson.history(shots), lesson.planned, estimate).blocks
    by_time = lesson.history(shots).context(lesson.planned).blocks
    assert torch.equal(near.latents, by_time[2].latents)
    assert torch.equal(middle.latents, by_time[1].latents)
    for number in range(4):
        held = [bool(torch.equal(far.latents[number, :, slot], shots[number, :, 4])) for slot in range(8)]
        assert held.count(True) == 1
        assert int(far.indices[number, held.index(True)]) == max(0, lesson.planned.layout.index(4))


def test_half_of_a_batch_is_taught_by_the_truth_and_half_by_a_look(
    network: PackedTransformer, parts: SketchParts, shots: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int, bool]] = []
    forward = PackedTransformer.forward

    def counted(self: PackedTransformer, hidden_states: torch.Tensor, **told: object) -> object:
        calls.append((len(hidden_states), hidden_states.shape[2], torch.is_grad_enabled()))
        return forward(self, hidden_states, **told)  # type: ignore[arg-type]

    monkeypatch.setattr(PackedTransformer, "forward", counted)
    given: list[torch.Tensor] = []
    chosen = Choice.context

    def kept(self: Choice, history: object, planned: object, estimate: torch.Tensor) -> PackedContext:
        given.append(estimate)
        return chosen(self, history, planned, estimate)  # type: ignore[arg-type]

    monkeypatch.setattr(Choice, "context", kept)
    draw = torch.Generator().manual_seed(5)
    drawn = Drawn(shots, torch.zeros(4, 3, dtype=torch.int64), torch.randn(4, 3, 9, 48, generator=draw))
    losses, states = [], []
    for section, sight in ((2, Sight(choice=choice())), (2, Sight()), (0, Sight(choice=choice())), (0, Sight())):
        torch.manual_seed(6)
        made_by = variant("similarity" if sight.choice else "time")
        lesson = lesson_of(section, selects=made_by.selects)
        loss = loss_on(network, lesson, drawn, parts.sentences, np.random.default_rng(7), made_by, sight)
        losses.append(loss.item())
        states.append(torch.get_rng_state())
    assert calls == [(2, 9, False), (4, 3, True), (4, 3, True), (4, 3, True), (4, 3, True)]
    assert losses[0] != losses[1]
    assert losses[2] == losses[3], "with nothing to choose from it is taught as by time"
    assert all(torch.equal(state, states[0]) for state in states), "what is drawn is the same for all variants"
    (estimate,) = given
    assert torch.equal(estimate[:2], shots[:2, :, -9:])
    assert not torch.isclose(estimate[2:], shots[2:, :, -9:]).any(1).all()
    assert not estimate.requires_grad


def test_each_estimate_makes_another_shot_from_where_there_is_a_choice(parts: SketchParts, scenes: Encoded) -> None:
    made = replace(variant("similarity"), estimates=("look", "newest", "truth"))
    network = begun(new_network(1).state_dict(), kernels_of(made))
    sight = Sight(choice=choice())
    shots = [Rollout(network, sight, row, parts).make(scenes) for row in made.rows]
    assert [row.id for row in made.rows] == ["v look", "v newest", "v truth"]
    assert all(bool(each.isfinite().all()) for each in shots)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        # Ten frames before the second section fit eleven slots; which ones lie there is by likeness all the same.
        assert torch.equal(shots[one][:, :, :10], shots[other][:, :, :10])
        assert not torch.equal(shots[one][:, :, 19:], shots[other][:, :, 19:])
    again = Rollout(network, sight, made.rows[0], parts).make(scenes)
    assert torch.equal(again, shots[0])


def test_what_a_scene_is_made_of_does_not_depend_on_its_company(parts: SketchParts, scenes: Encoded) -> None:
    made = variant("hybrid")
    network = begun(new_network(1).state_dict(), kernels_of(made))
    told = Rollout(network, Sight(choice=choice(Packing.HYBRID)), made.rows[0], parts, precise=True)
    together = told.make(scenes)
    alone = told.make(Encoded(scenes.scenes[1:], scenes.latents[1:], scenes.boards[1:], scenes.motions[1:]))
    torch.testing.assert_close(together[1:], alone, atol=1e-3, rtol=1e-3)


def test_a_look_is_the_clip_where_the_network_is_right(shots: torch.Tensor) -> None:
    """Velocity is noise less what it hides, so of a network that knows it the look is that."""

    class Knowing(torch.nn.Module):
        def forward(self, hidden_states: torch.Tensor, **_: object) -> tuple[torch.Tensor]:
            return (hidden_states - shots[:, :, -9:],)

    lesson = lesson_of()
    noise = torch.randn(4, 16, 9, 8, 8, generator=torch.Generator().manual_seed(8))
    seen = look(Knowing(), noise, lesson.history(shots).context(lesson.planned), {}, precise=True)  # type: ignore[arg-type]
    torch.testing.assert_close(seen, shots[:, :, -9:], atol=1e-5, rtol=1e-5)


def test_the_newest_frames_are_an_estimate(shots: torch.Tensor) -> None:
    lesson = lesson_of()
    assert torch.equal(newest(lesson.history(shots), lesson.planned), shots[:, :, 10:19].flip(2))
    first = lesson_of(1)
    assert torch.equal(newest(first.history(shots), first.planned), shots[:, :, 1:10].flip(2))


def test_samples_of_a_context_are_what_they_see(shots: torch.Tensor) -> None:
    lesson = lesson_of()
    some = of_samples(lesson.history(shots).context(lesson.planned), slice(2, None))
    assert same(some, lesson.history(shots[2:]).context(lesson.planned))


def test_the_second_table_tries_both_by_three_estimates() -> None:
    second = read_experiment(RETURNS)
    assert [row.id for row in second.rows] == [
        "S3",
        *(f"{name} {estimate}" for name in "XY" for estimate in ("look", "newest", "truth")),
    ]
    x, y = second.variants[1:]
    assert (x.packing_use.kept(Packing.SIMILARITY), y.packing_use.kept(Packing.HYBRID)) == (1, 3)
    assert y.packing_use.nearness(Packing.HYBRID) == 1


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ('packing = "likeness"', "packing must be one of time, similarity, hybrid"),
        ('packing = "hybrid"\nestimates = ["guess"]', "names no estimate: guess"),
        ('estimates = ["look"]', "chooses no frames"),
        ('packing = "hybrid"\nnoise = [0.0, 1.0]', "a history with noise"),
        ('packing = "hybrid"\nlambda = 1.0', "'lambda'"),
    ],
)
def test_what_does_not_go_together_is_refused(told: str, complaint: str, tmp_path: Path) -> None:
    text = f'title = "t"\nseeds = [1]\nsteps = 1\nrate = 0.3\n[[variant]]\nid = "v"\nwhat = ""\nsets = ["R"]\n{told}\n'
    path = tmp_path / "one.toml"
    path.write_text(text + f'schedule = "{FINE}"\n')
    with pytest.raises(EngineError, match=complaint):
        read_experiment(path)


def test_chosen_frames_leave_no_tail(tmp_path: Path) -> None:
    text = RETURNS.read_text().replace("td_f8k1h4w4f2k2f1k1_g9", "tc_f8k1h4w4f2k2f1k1_g9")
    path = tmp_path / "tail.toml"
    path.write_text(text)
    with pytest.raises(EngineError, match="leave no tail for tc"):
        read_experiment(path)
