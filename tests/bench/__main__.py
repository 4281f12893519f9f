"""`python3 dev.py bench`: print the benchmark table as Markdown; `--only NAME` runs one of its parts."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from engine.quiet import quiet_libraries
from tests.bench import against, engine_core
from tests.bench.table import Row, markdown


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("--only", choices=sorted(engine_core.PARTS), help="run one part")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and shorter shots, to see that it runs")
    parser.add_argument("--gpu", action="store_true", help="what wants a card: 13B at true size, Sketch, 14B Helios")
    parser.add_argument(
        "--faults", action="store_true", help=f"only kill workers, servers and clients, {engine_core.KILLS} times"
    )
    parser.add_argument("--against", type=Path, metavar="TREE", help="only measure beside an earlier commit's worktree")
    args = parser.parse_args()
    if args.against is not None:
        print(markdown(against.rows(args.against, args.quick), args.against.name))
        return 0
    only = engine_core.FAULTS if args.faults else args.only
    asked_for = {
        engine_core.TRUE_SIZE: False,
        engine_core.HELIOS_TRUE_SIZE: False,
        engine_core.THROUGH: False,
        engine_core.BRIDGE: False,
        engine_core.GUIDES: False,
        engine_core.DRAWN_GUIDES: False,
        engine_core.MOVES: False,
        engine_core.DRIFT: False,
        engine_core.STORYBOARD: False,
        engine_core.FAULTS: False,
        engine_core.SOAK: False,
    }
    rows: list[Row] = []
    quiet_libraries()
    with tempfile.TemporaryDirectory(prefix="shotpack-bench-") as folder:
        if only is not None:
            chosen = [only]
        elif args.gpu:  # a card is lent for minutes: what matters most comes first
            chosen = [engine_core.TRUE_SIZE, engine_core.SKETCH, engine_core.HELIOS_TRUE_SIZE]
        else:
            chosen = [name for name in engine_core.PARTS if asked_for.get(name, True)]
        for name in chosen:
            print(f"running {name} …", file=sys.stderr, flush=True)
            rows += engine_core.PARTS[name](Path(folder), args.quick)
    print(f"{platform.machine()}, Python {platform.python_version()}\n")
    print(markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
