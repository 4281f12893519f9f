"""Between seams and writing: whatever comes when, each frame of the shot is made once, of what it lies by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.framepack.packing import Order
from engine.generation.made_frames import MadeFrames
from engine.generation.resolve import ResolvedRequest, resolve
from engine.generation.shot_frames import ShotFrames
from engine.inference.hunyuan.spec import RELEASED
from engine.protocol import Board, ShotRequest


def between(first: np.ndarray, last: np.ndarray, parts: Sequence[Fraction]) -> list[np.ndarray]:
    """How far, in 64ths, beside the two frames' numbers: no picture, but all that it was made of."""
    return [np.stack([first[..., 0], last[..., 0], np.full_like(first[..., 0], part * 64)], axis=-1) for part in parts]


def numbered(frames: range) -> torch.Tensor:
    """Frames of one pixel whose bytes are their number; its negative in the last channel."""
    values = torch.tensor([[n % 256, n % 256, 255 - n % 256] for n in frames], dtype=torch.float32) / 127.5 - 1
    return values.T.reshape(1, 3, len(frames), 1, 1)


def shot_of(order: Order, frames: int, fps: float, boards: Sequence[int]) -> ResolvedRequest:
    given = tuple(Board(frame, "a") for frame in boards)
    request = ShotRequest("model", "words", given, frames=frames, fps=fps, between="flow", order=str(order))
    return resolve(request, RELEASED, RELEASED.sizes[0])


@given(
    st.sampled_from(Order),
    st.integers(1, 150),
    st.sampled_from([24.0, 59.94, 12.0]),
    st.sampled_from([(1,), (1, 40), (1, 40, 77)]),
    st.integers(0, 12),
)
def test_every_frame_is_made_once_of_what_it_lies_by(
    order: Order, frames: int, fps: float, boards: tuple[int, ...], killed: int
) -> None:
    shot = shot_of(order, max(frames, boards[-1]), fps, boards)
    plan = shot.plan
    when = ShotFrames(shot.sources, plan, {planned.number: planned.decode for planned in plan.made})
    made, pictures = MadeFrames(when, between), dict[int, list[int]]()
    for planned in plan.made:
        if planned.number == killed:  # what it held is all that the next run has
            made, held = MadeFrames(when, between), made.held
            made.take_up(held, killed)
        for block in planned.decode.final:
            told = list(made.add(block.start, numbered(block)))
            assert [frame for frame, _ in told] == sorted(frame for frame, _ in told)
            assert not pictures.keys() & {frame for frame, _ in told}
            pictures |= {frame: picture[0, 0].tolist() for frame, picture in told}
        assert made.held.keys() == when.held(planned.number + 1).keys()
        assert all(picture.base is None for picture in made.held.values()), "no view keeps a section in memory"
    assert sorted(pictures) == list(range(shot.request.frames))
    for frame, source in enumerate(shot.sources):
        first = source.first % 256
        wanted = [first, first, 255 - first] if not source.part else [first, first + 1, int(source.part * 64)]
        assert [value % 256 for value in wanted] == pictures[frame]


def test_what_lies_between_the_same_two_is_asked_for_at_once() -> None:
    """A flow is measured once for all that lies on its way."""
    asked: list[list[Fraction]] = []

    def watched(first: np.ndarray, last: np.ndarray, parts: Sequence[Fraction]) -> list[np.ndarray]:
        asked.append(list(parts))
        return between(first, last, parts)

    shot = shot_of(Order.FORWARD, 9, 120.0, (1,))
    made = MadeFrames(ShotFrames(shot.sources, shot.plan, {0: shot.plan.made[0].decode}), watched)
    for block in shot.plan.made[0].decode.final:
        list(made.add(block.start, numbered(block)))
    assert asked == [[Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)]] * 2


def test_without_it_frames_pass_as_they_come() -> None:
    shot = shot_of(Order.FORWARD, 20, 24.0, (1,))
    usual = replace(shot, shown=replace(shot.shown, stops=()))
    made = MadeFrames(ShotFrames(usual.sources, usual.plan, {0: usual.plan.made[0].decode}), None)
    pictures = {
        frame: picture[0, 0, 0]
        for block in usual.plan.made[0].decode.final
        for frame, picture in made.add(block.start, numbered(block))
    }
    assert pictures == {frame: usual.shown.made_of(frame) for frame in range(20)}
    assert not made.held
