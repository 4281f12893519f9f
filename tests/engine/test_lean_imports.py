"""A plain shot from the command line, in a process of its own, imports neither peft nor torchao."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.engine.checkpoints import BOARD, TINY

ROOT = Path(__file__).resolve().parents[2]


def test_a_plain_shot_imports_no_library_that_only_other_shots_need(tmp_path: Path) -> None:
    arguments = ["generate", "--model", TINY, "--image", BOARD, "--out", tmp_path / "shot", "--device", "cpu"]
    arguments += ["--size", "64x64", "--frames", "1", "--steps", "1", "--prompt", "a plain one"]
    program = (
        "import sys\nfrom engine.__main__ import main\n"
        f"assert main({[str(each) for each in arguments]}) == 0\n"
        "print(*({'peft', 'torchao', 'diffusers.pipelines.helios'} & sys.modules.keys()))"
    )
    made = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stdout.strip()) == (0, ""), made.stderr
    assert (tmp_path / "shot" / "frames" / "0001.png").exists()
