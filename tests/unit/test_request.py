"""What a request leaves open and the model fills in: the order, by the boards that there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.framepack.request import settle
from engine.models.hunyuan_spec import RELEASED
from engine.models.spec import Order
from engine.protocol import Board, ShotRequest

START, WITHIN, END = Board(1, "a"), Board(50, "b"), Board(99, "c")
FORWARD = replace(RELEASED, order=Order.FORWARD)


@pytest.mark.parametrize(
    ("trained", "boards", "order"),
    [
        # Going forward no section sees a board that is still to come: a model that knows both goes back from it.
        (tuple(Order), (START,), Order.FORWARD),
        (tuple(Order), (START, END), Order.INVERTED),
        (tuple(Order), (START, WITHIN), Order.INVERTED),
        ((), (START, END), Order.INVERTED),
        # One that was trained to go forward only still does what it can.
        ((Order.FORWARD,), (START, END), Order.FORWARD),
    ],
)
def test_a_models_own_order_knows_of_later_boards(
    trained: tuple[Order, ...], boards: tuple[Board, ...], order: Order
) -> None:
    request = ShotRequest("model", "words", boards=boards, frames=99)
    spec = replace(FORWARD, trained_orders=trained)
    assert settle(request, spec, (256, 144)).plan.order is order
    asked = replace(request, order="forward")
    assert settle(asked, spec, (256, 144)).plan.order is Order.FORWARD, "what is asked for is done"
