"""What an artist calls each move that Sketch was taught, written by hand."""

from __future__ import annotations

from training.scenes.moves import Move

CALLED = {
    **{move: str(move) for move in Move if not move.of_object and move is not Move.STATIC},
    Move.OBJECT_LEFT: "subject moves left",
    Move.OBJECT_RIGHT: "subject moves right",
    Move.OBJECT_UP: "subject rises",
    Move.OBJECT_DOWN: "subject sinks",
    Move.OBJECT_GROWS: "subject grows",
    Move.OBJECT_SHRINKS: "subject shrinks",
    Move.OBJECT_SPINS: "subject spins",
    Move.OBJECT_SPINS_BACK: "subject spins counterclockwise",
    Move.OBJECT_BOUNCES: "subject bounces",
}
