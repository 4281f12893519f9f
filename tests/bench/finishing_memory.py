"""One finish in a process of its own: prints how many bytes it took beside what was held, and what was predicted."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import psutil
import torch

from engine.finishing.plan import finish_plan
from engine.finishing.sequence import Finisher, choose, picture_size
from engine.protocol import Finish
from engine.serialization import from_json


def main(folder: str, asked: str, limit: str) -> None:
    """Finish the pictures in a folder; `asked` is a Finish as JSON, `limit` bytes or null."""
    source, finish = sorted(Path(folder).glob("*.png")), from_json(Finish, json.loads(asked))
    plan = finish_plan(len(source), picture_size(source[0]), Fraction(30), finish)
    before = psutil.Process().memory_info().rss
    finisher = Finisher(source, plan, choose(finish, plan), torch.device("cpu"), json.loads(limit))
    with tempfile.TemporaryDirectory() as out:
        for _ in finisher.write(lambda number: Path(out) / f"{number:04d}.png", lambda _: {}):
            pass
    most = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert most is not None
    print(int(most[1]) * 1024 - before, finisher.predicted_bytes)


if __name__ == "__main__":
    main(*sys.argv[1:])
