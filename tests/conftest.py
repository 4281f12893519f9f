"""For all tiers: property tests are judged by what they find, not by the clock of a busy machine."""

from __future__ import annotations

import gc

from hypothesis import settings

settings.register_profile("shotpack", deadline=None)
settings.load_profile("shotpack")


def pytest_collection_finish() -> None:
    """What is imported by now stays; imageio collects garbage whenever it closes a movie, and need not look there."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Blender's module ends Blender once nothing holds it: what is frozen would keep 4.5 waiting for ever."""
    gc.unfreeze()
