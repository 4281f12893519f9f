"""A few of the kills that `dev.py bench --faults` makes many of."""

from __future__ import annotations

from tests.bench.faults import VICTIMS, kill_at_random


def test_worker_server_and_client_can_be_killed_at_any_instant(tmp_path):
    toll = kill_at_random(tmp_path, list(VICTIMS), seed=7)
    assert (toll.rounds, toll.kills) == (3, 3)
    assert toll.harm == 0, toll
