"""How an artist's side stands with its engine."""

from __future__ import annotations

from enum import StrEnum


class EngineState(StrEnum):
    """How it stands with the engine."""

    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    AWAY = "away"
    """The line to it is broken; it is being called again."""
    ENDED = "ended"
    """It was there, and is not any more, or could not be started; `EngineClient.fault` says why."""
