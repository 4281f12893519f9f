"""uv: getting it, what it may see of the user's settings, and reading from its lines how far it is and what is wrong.

It comes as its wheel, which pip fetches from where the user's pip is set to or, where Python has no pip, comes by plain
HTTPS: one version, whose SHA-256 stands here and is compared before anything is unpacked. A mirror can therefore
withhold the file, but not swap it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import Code, EngineError
from .. import subprocesses
from . import package_index

VERSION = "0.13.8"
SHA256 = {
    ("Darwin", "arm64"): "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49",
    ("Darwin", "x86_64"): "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1",
    ("Linux", "aarch64"): "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
    ("Linux", "x86_64"): "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    ("Windows", "AMD64"): "cfbc13020a64cdf2f116d2936824c38edbf41e5c07f1ea291baf02e31ebf3ed0",
    ("Windows", "ARM64"): "b4184029b1b7c54409b9cd4372c73a36ef9c2d1d7cf3b0aca59c8b1932f041dc",
}
"""The wheel of `VERSION` for each `platform.system()` and `platform.machine()`."""

Call = Callable[[Sequence[str]], None]
"""Runs a program to its end; raises EngineError `install_failed` in its words."""

_GROWTH = 1.7
"""Bytes that unpacked packages take on the disk for each byte downloaded; what lies there is unpacked on the way."""
_ELSEWHERE = {"PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV"}
"""Settings that would send packages to another place than the engine's environment."""
_DETAIL_LENGTH = 400
_NEW_DRIVER = "update the graphics driver; if it is new, PyTorch no longer supports this machine"
_NETWORK = "check the network and install again; what was downloaded is kept"
_SWAPPED = "try again, and from another network if it comes back"
_ADVICE = (
    (r"no space left|not enough space|disk is full", "free some space and install again"),
    (
        r"certificate|unknownissuer|\bssl",
        "a proxy stands in the line: start Blender with SSL_CERT_FILE set to its file",
    ),
    # Before what is said of downloads: uv calls this one, too, a download that failed.
    (r"hash mismatch|do not match the hashes", _SWAPPED),
    (r"no version of torch==|torch==.*unsatisfiable|distribution found for torch", _NEW_DRIVER),
    (r"timed out|connection|unreachable|name resol|name or service", _NETWORK),
    # After what keeps any program from the network: a pip would come no further.
    (r"no module named '?(pip|ensurepip|venv)|ensurepip is not available|has no pip", "{pip}"),
    (r"failed to (fetch|download)|could not be downloaded|error sending request", _NETWORK),
    (r"permission denied|access is denied|being used", "stop the engine, close other Blender windows and try again"),
)
"""Signs in what a program says when it fails, and what to do about it."""
_OTHER_ADVICE = "install again; if it fails again, copy the report into an issue"
_PIP = """
from pathlib import Path
try:
    import ensurepip  # Debian and its kin leave it out
    print(*sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))[-1:])
except ImportError:
    pass
"""
"""Prints the path of the pip that a Python keeps for new environments."""
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class UvMissingError(Exception):
    """uv cannot be had here; the text says why. The environment can still be filled by pip."""


def fetch(folder: Path, python: Path, call: Call, *, index: str | None = None) -> Path:
    """Return a uv in `folder`; where its wheel is not there yet, pip fetches it, from where the user's pip does, and
    where there is no pip, or pip cannot, `python` itself does by plain HTTPS.

    Raises UvMissingError where there is none for this machine or none can be had, and EngineError `install_failed`
    where the index gives another file than the pinned one.
    """
    expected = SHA256.get((platform.system(), platform.machine()))
    if expected is None:
        raise UvMissingError(f"there is no uv for {platform.system()} on {platform.machine()}")
    wheel = _wheel(folder, expected)
    if wheel is None:
        _download(folder, expected, python, call, ["--index-url", index] if index else [])
        wheel = _wheel(folder, expected)
    if wheel is None:
        raise UvMissingError("another file came than the one that was asked for")
    return _unpack(wheel, folder)


def pip(python: Path) -> list[str] | None:
    """A command that runs pip with `python`: the one that Python keeps for new environments, else an installed one;
    None where it has neither.
    """
    with contextlib.suppress(OSError):
        if kept := _said_by(python, "-I", "-c", _PIP):
            return [str(python), str(Path(kept) / "pip")]
        if _said_by(python, "-m", "pip", "--version"):
            return [str(python), "-m", "pip"]
    return None


def _said_by(python: Path, *words: str) -> str:
    """What a Python prints, in no time; nothing where it fails."""
    environ, none = subprocesses.environ(), subprocess.DEVNULL
    ran = subprocess.run(
        [str(python), *words], env=environ, stdin=none, stdout=subprocess.PIPE, stderr=none,
        encoding="utf-8", errors="replace", creationflags=subprocesses.NO_WINDOW, check=False,
    )  # fmt: skip
    return "" if ran.returncode else ran.stdout.strip()


def _wheel(folder: Path, expected: str) -> Path | None:
    return next((path for path in folder.glob("uv-*.whl") if _sha256(path) == expected), None)


def _download(folder: Path, expected: str, python: Path, call: Call, index: Sequence[str]) -> None:
    """Have the wheel put into `folder`, by pip or without it."""
    folder.mkdir(parents=True, exist_ok=True)
    for damaged in folder.glob("uv-*.whl"):
        damaged.unlink()
    pinned = folder / "uv.txt"
    pinned.write_text(f"uv=={VERSION} --hash=sha256:{expected}\n", encoding="utf-8")
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--progress-bar", "off", "--no-input"]
    options += ["--disable-pip-version-check", "--dest", str(folder), "-r", str(pinned)]
    commands = [[str(python), "-I", package_index.__file__, *index, "uv", expected, str(folder)]]
    if (installed := pip(python)) is not None:
        commands.insert(0, [*installed, "download", *index, *options])
    for command in commands:
        try:
            call(command)
            return
        except EngineError as fault:
            said = str(fault.params["detail"])
            if "do not match the hashes" in said.lower():
                detail = f"what came as uv {VERSION} is not the file that Shotpack knows"
                raise EngineError(Code.INSTALL_FAILED, detail=detail, advice=_SWAPPED) from fault
    raise UvMissingError(f"uv {VERSION} could not be downloaded ({said})")


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(wheel: Path, folder: Path) -> Path:
    """Take the one program out of the wheel; where it goes is ours to say, whatever names the wheel holds."""
    name = "uv.exe" if os.name == "nt" else "uv"
    program = folder / name
    with zipfile.ZipFile(wheel) as archive:
        packed_name = f"uv-{VERSION}.data/scripts/{name}"
        with archive.open(packed_name) as packed, program.open("wb") as file:
            shutil.copyfileobj(packed, file)
    program.chmod(0o755)
    return program


def child_environ(cache: Path, pythons: Path) -> dict[str, str]:
    """The user's environment for a program of ours, with nothing of Blender's Python and its files kept in our folders.

    Mirrors, proxies and certificates pass through as they are.
    """
    return {
        **{name: value for name, value in subprocesses.environ().items() if name not in _ELSEWHERE},
        "UV_CACHE_DIR": str(cache / "uv-cache"),
        "PIP_CACHE_DIR": str(cache / "pip-cache"),
        "UV_PYTHON_INSTALL_DIR": str(pythons),
        "PIP_USER": "0",
        "NO_COLOR": "1",
    }


def explained(said: str) -> EngineError:
    """What a program said when it failed, as an error that names the fault and what the artist can do."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    begun = next((number for number, line in enumerate(lines) if re.match(r"error\b", line, re.IGNORECASE)), -1)
    detail = re.sub(r"^error:\s*", "", " ".join(lines[begun:]), flags=re.IGNORECASE)
    advice = next((advice for sign, advice in _ADVICE if re.search(sign, detail, re.IGNORECASE)), _OTHER_ADVICE)
    advice = advice.format(pip=pip_package())
    return EngineError(Code.INSTALL_FAILED, detail=detail[:_DETAIL_LENGTH], advice=advice)


def pip_package() -> str:
    """What to do where Python has no pip, by the system's own name for it."""
    with contextlib.suppress(OSError):
        system = platform.freedesktop_os_release()
        if {"debian", "ubuntu"} & {system.get("ID", ""), *system.get("ID_LIKE", "").split()}:
            return "run 'sudo apt install python3-venv' and install again, or use Blender's own build"
    return "install your system's packages for pip and venv and install again, or use Blender's own build"


class Downloads:
    """How far uv is with its downloads.

    uv names each large package with its size when it begins it, and once more when it is here. Between the two only
    the disk tells that anything moves, so what was written to it stands in for the bytes under way.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, float] = {}
        self._here: set[str] = set()
        self._prepared = False

    def read(self, line: str) -> None:
        """Take in one line of uv's output."""
        if begun := re.match(r"\s*Downloading (\S+) \(([\d.]+)\s?([KMG]?i?B)\)", line):
            self._sizes[begun[1]] = float(begun[2]) * _UNITS.get(begun[3], 1)
        elif ended := re.match(r"\s*Downloaded (\S+)", line):
            self._here.add(ended[1])
        elif line.startswith("Prepared "):
            self._prepared = True

    def fraction(self, written: float) -> float:
        """How much is here, 0 to 1, where `written` bytes came to the disk since the start."""
        if self._prepared:
            return 1.0
        total = sum(self._sizes.values())
        here = sum(size for name, size in self._sizes.items() if name in self._here)
        return max(here, min(written / _GROWTH, 0.97 * total)) / total if total else 0.0

    def under_way(self) -> str:
        """What is being downloaded, the largest first; empty where nothing is known to be."""
        names = sorted(self._sizes.keys() - self._here, key=lambda name: -self._sizes[name])
        return ", ".join(f"{name} ({readable_bytes(self._sizes[name])})" for name in names[:3])


def readable_bytes(count: float) -> str:
    """A number of bytes as uv and disks count them."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
