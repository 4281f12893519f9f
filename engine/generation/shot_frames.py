"""When each frame of a shot can be written, and which made frames wait for that: one that lies between two needs both.

Integers only. Sections settle made frames in whatever sequence the shot's order has (`framepack/decoding.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ..framepack.decoding import DecodePlan
from ..framepack.plan import ShotPlan
from .frame_rates import FrameSource


class ShotFrames:
    """The frames of one shot, from 0, and which sections, by their number of making, settle what they are made of."""

    def __init__(
        self, sources: Sequence[FrameSource], plan: ShotPlan, decodes: Mapping[int, DecodePlan | None]
    ) -> None:
        """`sources` are what each frame is made of, `decodes` as much of each section's decode as is wanted."""
        self.sources = sources
        wanted = {made for source in sources for made in source.made}
        self._settled = {
            made: planned.number
            for planned in plan.made
            for block in planned.decode.final
            for made in block
            if made in wanted
        }
        decoded = {
            made for decode in decodes.values() if decode is not None for block in decode.final for made in block
        }
        self._ready: dict[int, list[int]] = defaultdict(list)
        self._waiting: dict[int, list[int]] = defaultdict(list)
        self._users: dict[int, list[int]] = defaultdict(list)
        for frame, source in enumerate(sources):
            ready, settled = self._ready_at(frame), self._settled[source.nearest]
            self._ready[ready].append(frame)
            if not all(made in decoded for made in source.made):
                continue
            if settled < ready:
                self._waiting[settled].append(frame)
            for made in source.made:
                self._users[made].append(frame)

    def ready(self, number: int) -> list[int]:
        """The frames all of whose made frames are final with section `number`, and were not before; ascending."""
        return self._ready.get(number, [])

    def waiting(self, number: int) -> list[int]:
        """The frames to be written whose nearest made frame section `number` settles, and that wait for another one."""
        return self._waiting.get(number, [])

    def users(self, made: int) -> list[int]:
        """The frames that are written once the made frame `made`, and another one where they take two, is decoded."""
        return self._users.get(made, [])

    def held(self, done: int) -> dict[int, int]:
        """The made frames that are final after the first `done` sections and that frames written later look at.

        By their number; the value is the section that settled each.
        """
        return {
            made: settled
            for made in self._users
            if (settled := self._settled[made]) < done and self.open_users(made, done)
        }

    def open_users(self, made: int, done: int) -> set[int]:
        """Those of a made frame's `users` that are written after the first `done` sections."""
        return {frame for frame in self.users(made) if self._ready_at(frame) >= done}

    def _ready_at(self, frame: int) -> int:
        return max(self._settled[made] for made in self.sources[frame].made)
