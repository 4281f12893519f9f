"""Events for a person at a terminal: one progress bar with the time left, on stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..console import give_up, plain
from ..drift import Drift, sentence
from ..events import Event, Finished, Progress, Section, Started, Step
from ..media.files import DISK_FULL


class ProgressBar:
    """Shows one shot's events; a bar of all its steps, and a line for each section and stage."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._bar: tqdm[Any] | None = None
        self._unsaid: list[str] = []
        self._firsts: dict[int, int] = {}
        """Of a finishing take, where a step is a frame: the first one of each section."""

    def show(self, event: Event) -> None:
        """Take in one event. Where the disk that it is shown on is full, such as a log's, the shot goes on unseen."""
        try:
            self._show(event)
        except OSError as fault:
            if fault.errno not in DISK_FULL:
                raise
            give_up(sys.stderr)

    def _show(self, event: Event) -> None:
        if isinstance(event, Started):
            for stage in self._unsaid:
                self._say(stage)
            what = event.order if event.steps else "finishing"
            self._say(f"{event.frames} frames at {event.fps:g} fps, {event.width}x{event.height}, {what}")
            self._firsts = {} if event.steps else {section.section: section.first for section in event.sections}
            total, initial = event.steps * len(event.sections), event.steps * event.done
            if not event.steps:
                total, initial = event.frames, max([0, *(each.last for each in event.sections[: event.done])])
            unit = "step" if event.steps else "frame"
            self._bar = tqdm(total=total, initial=initial, unit=unit, file=sys.stderr, dynamic_ncols=True)
            self._bar.bar_format = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
        elif isinstance(event, Step) and self._bar is not None:
            self._bar.set_description(f"section {event.section + 1}", refresh=False)
            if event.seconds_left is not None:
                self._bar.set_postfix_str(f"{_clock(event.seconds_left)} left", refresh=False)
            first = self._firsts.get(event.section)
            self._bar.update(1 if first is None else first - 1 + event.step - self._bar.n)
        elif isinstance(event, Section):
            first, last = event.first, event.first + event.count - 1
            self._say(f"section {event.section + 1} is done ({event.index} of {event.of}): frames {first} to {last}")
        elif isinstance(event, Drift):
            if said := sentence(event):
                self._say(said)
        elif isinstance(event, Progress):
            # A person at a terminal wants to know at once what they wait for; a log gets no more than the one line of
            # what is wrong if the shot never starts.
            if sys.stderr.isatty() or self._bar is not None:
                self._say(event.stage)
            else:
                self._unsaid.append(event.stage)
        elif isinstance(event, Finished):
            if self._bar is not None:
                self._bar.set_postfix_str("", refresh=False)  # no time is left any more
            self.close()
            self._say(f"{event.frames} frames in {self._out / 'frames'}, movie in {self._out / (event.movie or '')}")

    def asks(self, question: str) -> bool:
        """Whether somebody at the terminal answers yes; nobody does where there is none."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        self._say(f"{question} [y/N]")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, line: str) -> None:
        tqdm.write(plain(line), file=sys.stderr)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
