"""Real engine processes that start at once: a server imports torch and diffusers, then forks for every command line.

Each forked process is an ordinary one, with its own memory, files and signals; it can be killed like any other. Run as
a script it is that server: it reads one JSON list of arguments a line and answers with the child's pid, and later with
its exit status.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.engine.permissions import without_root_s_override
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Ended:
    """How an engine process ended. `status` is the exit code, or minus the signal that killed it."""

    status: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, object]]:
        """The JSON events it printed; a line cut short by a kill is left out."""
        events = []
        for line in self.stdout.splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                events.append(json.loads(line))
        return events


class WarmEngine:
    """Runs `python -m engine ARGUMENTS` in a forked process, and kills it where asked to."""

    def __init__(self, home: Path) -> None:
        """`home` is Shotpack's home for all runs that do not say another."""
        self._home = home
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.warm_engine"], cwd=ROOT, stdin=-1, stdout=-1, text=True
        )
        assert self._receive() == "ready"

    def run(
        self,
        arguments: list[str],
        folder: Path,
        *,
        kill_after_s: float | None = None,
        kill_at: str = "",
        with_signal: signal.Signals = signal.SIGKILL,
        home: Path | None = None,
        largest_file: int | None = None,
        as_anybody: bool = False,
    ) -> Ended:
        """Run to the end; or signal it `kill_after_s` seconds after its start, or once it has printed `kill_at`.

        Output goes to files in `folder`. No file grows beyond `largest_file` bytes, as on a disk that is full; run
        `as_anybody` root too is refused by permissions.
        """
        folder.mkdir(exist_ok=True)
        out, err = folder / "stdout", folder / "stderr"
        out.unlink(missing_ok=True)
        message = {"arguments": arguments, "stdout": str(out), "stderr": str(err), "home": str(home or self._home)}
        pid = int(self._send(message | {"largest_file": largest_file, "as_anybody": as_anybody}))
        if kill_after_s is not None:
            time.sleep(kill_after_s)
        begun = time.monotonic()
        while kill_at and not (out.exists() and kill_at in out.read_text()):
            assert time.monotonic() - begun < PATIENCE, err.read_text()
            time.sleep(0.01)
        if kill_after_s is not None or kill_at:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, with_signal)
        status = int(self._send({"wait": pid}))
        return Ended(os.waitstatus_to_exitcode(status), out.read_text(), err.read_text())

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=PATIENCE)
        self._server.stdout.close()

    def _send(self, message: dict[str, object]) -> str:
        assert self._server.stdin is not None
        print(json.dumps(message), file=self._server.stdin, flush=True)
        return self._receive()

    def _receive(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()


def _serve() -> None:
    import engine.__main__ as command_line
    from engine.inference.lean_imports import import_families
    from engine.quiet import quiet_libraries

    # Warm: torch, diffusers and transformers, as every engine imports them.
    quiet_libraries()
    import_families([("tiny", ROOT / "tests/fixtures/tiny-framepack")], "cpu")
    import engine.generation.job
    import engine.inference.helios.family  # noqa: F401

    gc.collect()
    gc.freeze()  # what is imported stays, and no child need look there, or copy it by doing so
    print("ready", flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        if "wait" in message:
            print(os.waitpid(message["wait"], 0)[1], flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            for target, path in ((1, message["stdout"]), (2, message["stderr"])):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), target)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            # A shell lets its background jobs ignore Ctrl-C, and so would everything that they start.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.environ["SHOTPACK_HOME"] = message["home"]
            if message["largest_file"] is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (message["largest_file"],) * 2)
            with without_root_s_override() if message["as_anybody"] else contextlib.nullcontext():
                os._exit(_run(command_line.main, message["arguments"]))
        print(pid, flush=True)


def _run(main, arguments: list[str]) -> int:  # type: ignore[no-untyped-def]
    try:
        return int(main(arguments))
    except SystemExit as ending:
        return int(ending.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    _serve()
