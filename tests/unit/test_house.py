"""The house rules: who may import whom, where a library may be used, what a file may be called, hold and measure.

The tables are the rules. `faults(path, source)` applies them and knows nothing of the disk: the tests feed it every
file of the extension, and bad sources that show that each rule can be broken.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("engine", "lab", "operators", "panels", "training")
SHARED = (
    *("engine.protocol", "engine.events", "engine.drift", "engine.vocabulary", "engine.serialization"),
    *("engine.limits", "engine.errors"),
)

# Which of our own modules a room's files may import, besides those of the room itself: only what lies below it. The
# longest path that fits a file counts; a file that none fits is a fault, so a new room gets a line here first.
MAY_IMPORT = {
    "__init__.py": ("operators", "panels"),
    "panels": ("operators", "engine.protocol", "engine.events"),
    "operators": (
        *("engine.client", "engine.file_copies", "engine.framings", "engine.framed_pictures", "engine.picture_sizes"),
        *SHARED,
    ),
    "training": (
        *("engine.generation", "engine.inference", "engine.models", "engine.framepack", "engine.media"),
        *("engine.command_line", "engine.file_copies", *SHARED),
    ),
    "lab": (
        *("training", "engine.generation", "engine.inference", "engine.models", "engine.framepack", "engine.media"),
        *("engine.command_line", "engine.file_copies", *SHARED),
    ),
    "engine/__init__.py": (),
    "engine/__main__.py": ("engine",),
    "engine/command_line.py": ("engine.console", "engine.quiet", "engine.media", "engine.errors"),
    "engine/commands": ("engine",),
    "engine/client": (
        *("engine.file_copies", "engine.framings", "engine.picture_sizes", *SHARED),
        "engine.media.provenance",  # what a file says of its making is read on both sides
    ),
    "engine/server": ("engine.finishing.abilities", "engine.models", "engine.media", "engine.file_copies", *SHARED),
    # The worker's process is where a shot is made; nothing else of the server knows how.
    "engine/server/workers/worker.py": (
        *(
            "engine.server.workers",
            "engine.server.home",
            "engine.generation",
            "engine.inference",
            "engine.models",
            "engine.media",
        ),
        *("engine.quiet", *SHARED),
    ),
    "engine/finishing": ("engine.models", "engine.media", *SHARED),
    "engine/generation": (
        "engine.finishing",
        "engine.inference",
        "engine.models",
        "engine.framepack",
        "engine.media",
        "engine.picture_sizes",
        *SHARED,
    ),
    "engine/inference": ("engine.models", "engine.framepack", "engine.media", *SHARED),
    "engine/models": ("engine.framepack", "engine.media", *SHARED),
    "engine/framepack": ("engine.errors",),
    "engine/media": ("engine.errors",),
    "engine/console.py": ("engine.media.files",),
    "engine/quiet.py": (),
    "engine/file_copies.py": (),
    "engine/picture_sizes.py": (),
    "engine/framings.py": (),
    "engine/framed_pictures.py": ("engine.framings",),
    "engine/protocol.py": ("engine.drift", "engine.limits"),
    "engine/events.py": ("engine.drift", "engine.serialization", "engine.errors"),
    "engine/drift.py": (),
    "engine/vocabulary.py": ("engine.serialization", "engine.errors"),
    "engine/serialization.py": ("engine.errors",),
    "engine/limits.py": (),
    "engine/errors.py": (),
}

# Where a library may be used; one that is not named here may be used anywhere.
BLENDER = ("__init__.py", "operators", "panels")
TENSORS = (
    *(
        "training",
        "lab",
        "engine/finishing",
        "engine/generation",
        "engine/inference",
        "engine/server/workers/worker.py",
    ),
    *("engine/framepack/history.py", "engine/framepack/seams.py", "engine/framepack/solvers"),
    *("engine/framepack/selection.py", "engine/framepack/codebook.py"),
    "engine/media/images.py",
    "engine/commands/doctor.py",  # it reports versions and devices
)
TORCH = ("accelerate", "diffusers", "peft", "torch", "torchao", "transformers")
USED_ONLY_UNDER = {
    **dict.fromkeys(("bpy", "bpy_extras", "bl_ui", "blf", "gpu", "gpu_extras", "imbuf", "mathutils"), BLENDER),
    **dict.fromkeys((*TORCH, "safetensors"), TENSORS),
}
# Files of those places that must do without torch all the same: they are asked before it is there.
WITHOUT_TORCH = (
    *(
        f"engine/generation/{name}.py"
        for name in (
            *("drift_figures", "drift_report", "frame_rates", "resolve", "section_settings", "shot_frames"),
            "start_frames",
        )
    ),
    "engine/finishing/plan.py",
    *("engine/inference/memory/placement.py", "engine/inference/speed/step_cache_choice.py"),
    *("engine/framepack/solvers/__init__.py", "engine/framepack/solvers/base.py"),
)

# Files that both sides import: the libraries they may use besides the standard library.
LIBRARIES = {
    **dict.fromkeys(
        (
            f"engine/{name}.py"
            for name in (
                *("errors", "limits", "serialization", "protocol", "events", "drift", "vocabulary", "file_copies"),
            )
        ),
        (),
    ),
    "engine/client": ("requests",),
    **dict.fromkeys((f"engine/media/{name}.py" for name in ("mp4_boxes", "png_chunks", "provenance", "xmp")), ()),
    # Blender's own Python has numpy, and no Pillow.
    "engine/framings.py": (),
    "engine/framed_pictures.py": ("numpy",),
}

# Weights come from strangers: nothing under engine/ may run what it reads.
UNSAFE_MODULES = ("pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve")
UNSAFE_CALLS = ("eval", "exec", "torch.load")

ROOT_FUNCTIONS = {"register", "unregister"}
EMPTY_NAMES = ("helper", "helpers", "manager", "managers", "util", "utils")
MAX_LINES = 350


@dataclass(frozen=True)
class Import:
    """One imported name, from the root: `from ..media import images` in engine/models is engine.media.images."""

    name: str
    line: int
    relative: bool
    type_checking: bool
    top_level: bool

    def within(self, *modules: str) -> bool:
        """Whether it is one of the modules or lies in one."""
        return any(self.name == module or self.name.startswith(f"{module}.") for module in modules)

    @property
    def ours(self) -> bool:
        """Whether it is Shotpack's own."""
        return self.relative or self.within(*PACKAGES)


def imports(path: PurePosixPath, tree: ast.AST) -> Iterator[Import]:
    """Every import of a file, also those inside functions."""

    def walk(node: ast.AST, *, type_checking: bool, top_level: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, False, type_checking, top_level)
        elif isinstance(node, ast.ImportFrom):
            parents = path.parts[: max(0, len(path.parts) - node.level)] if node.level else ()
            for alias in node.names:
                name = ".".join([*parents, *filter(None, [node.module]), alias.name])
                yield Import(name, node.lineno, node.level > 0, type_checking, top_level)
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.body:
                yield from walk(child, type_checking=True, top_level=top_level)
            for child in node.orelse:
                yield from walk(child, type_checking=type_checking, top_level=top_level)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from walk(child, type_checking=type_checking, top_level=top_level and not inside)

    return walk(tree, type_checking=False, top_level=True)


def under(path: PurePosixPath, *places: str) -> bool:
    """Whether a file is one of the places or lies under one."""
    return any(path.is_relative_to(place) for place in places)


def most_specific(path: PurePosixPath, table: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The entry of the longest place that a file lies under; None where it lies under none."""
    fitting = [place for place in table if under(path, place)]
    return table[max(fitting, key=len)] if fitting else None


def room(path: PurePosixPath | str) -> str:
    """The room that a file lies in, dotted: engine's folders, the other packages, and single files between them."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[: 2 if parts[0] == "engine" else 1])


def import_faults(path: PurePosixPath, tree: ast.AST) -> Iterator[str]:
    """What is wrong with a file's imports."""
    allowed = most_specific(path, MAY_IMPORT)
    libraries = most_specific(path, LIBRARIES)
    if allowed is None:
        yield "no line in MAY_IMPORT covers this file"
    for imported in imports(path, tree):
        where = f"line {imported.line}: {imported.name}"
        outside = (
            under(path, "training", "lab") and imported.within("engine", "training") and not imported.within(room(path))
        )
        if imported.ours and not imported.relative and not outside:
            # In Blender the same file is bl_ext.<repository>.shotpack.engine...
            yield f"{where} must be imported relatively"
        if imported.within("__future__") or imported.type_checking:
            continue
        if path == PurePosixPath("__init__.py") and imported.top_level:
            yield f"{where} must be imported inside a function"
        if imported.ours:
            if not imported.within(room(path), *(allowed or ())):
                yield f"{where} is not below this file"
            continue
        package = imported.name.partition(".")[0]
        if package in USED_ONLY_UNDER and not under(path, *USED_ONLY_UNDER[package]):
            yield f"{where} is used only under {', '.join(USED_ONLY_UNDER[package])}"
        if package in TORCH and under(path, *WITHOUT_TORCH):
            yield f"{where} needs torch, which this file must do without"
        if libraries is not None and package not in sys.stdlib_module_names | set(libraries):
            yield f"{where} is not in the standard library"
        if package in UNSAFE_MODULES and under(path, "engine", "training", "lab"):
            yield f"{where} runs what it reads"


def call_faults(path: PurePosixPath, tree: ast.AST) -> Iterator[str]:
    """Which calls of a file could run what it reads, under whatever name they were imported."""
    originals = {
        alias.asname or alias.name: f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, *rest = ast.unparse(node.func).split(".")
            called = ".".join([originals.get(first, first), *rest]).removeprefix("builtins.")
            if called in UNSAFE_CALLS:
                yield f"line {node.lineno}: {called} runs what it reads"
            if any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords):
                yield f"line {node.lineno}: allow_pickle runs what it reads"


def property_faults(tree: ast.AST) -> Iterator[str]:
    """Lambdas in a property of Blender's: it is text until Blender evaluates it, since Python 3.13 apart from the
    module's names.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            for part in ast.walk(node.annotation):
                if isinstance(part, ast.Lambda):
                    yield f"line {part.lineno}: a lambda in an annotation sees nothing of its module"


def faults(path: PurePosixPath, source: str) -> list[str]:
    """Every way in which a file breaks the house rules; `path` counts from the repository's root."""
    tree = ast.parse(source)
    found = list(import_faults(path, tree))
    if under(path, "engine", "training", "lab"):
        found += call_faults(path, tree)
    if under(path, "operators", "panels"):
        found += property_faults(tree)
    if path == PurePosixPath("engine/__init__.py") and source:
        found.append("must be empty: Blender comes through it to the protocol")
    if path == PurePosixPath("__init__.py"):
        public = {name for node in tree.body if not (name := getattr(node, "name", "_")).startswith("_")}
        found += [f"{name} does not belong here, only register and unregister" for name in public - ROOT_FUNCTIONS]
    if any(word in EMPTY_NAMES for part in path.with_suffix("").parts for word in part.split("_")):
        found.append("its name does not say what it owns")
    if (lines := len(source.splitlines())) > MAX_LINES:
        found.append(f"has {lines} lines, more than {MAX_LINES}")
    return found


def source_files() -> list[str]:
    """Every Python file of the extension, of training and of the lab, from the root."""
    files = [ROOT / "__init__.py", *(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))]
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


def dotted(path: str) -> str:
    """A file's module."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def arrows(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Which of the files each one imports, for its types alone or in a function too; sources by path."""
    modules = {dotted(path): path for path in sources}
    found: dict[str, set[str]] = {}
    for path, source in sources.items():
        named = [imported.name for imported in imports(PurePosixPath(path), ast.parse(source))]
        within = {modules.get(name) or modules.get(name.rpartition(".")[0]) for name in named}
        found[path] = {other for other in within if other not in (None, path)}
    return found


def circles(files: Mapping[str, set[str]]) -> list[str]:
    """The first circle of files, and the first one of rooms, if there are any."""
    rooms: dict[str, set[str]] = {}
    for path, others in files.items():
        rooms.setdefault(room(path), set()).update(room(other) for other in others if room(other) != room(path))
    found = []
    for graph in (files, rooms):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as fault:
            found.append(" > ".join(fault.args[1]))
    return found


@pytest.mark.parametrize("path", source_files())
def test_file_keeps_the_house_rules(path: str) -> None:
    assert faults(PurePosixPath(path), (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("panels/shots.py", "from ..engine.client import session", "engine.client.session is not below"),
        ("panels/shots.py", "from ..engine import client", "engine.client is not below"),
        ("operators/generate.py", "from ..panels import shots", "panels.shots is not below"),
        ("operators/generate.py", "from ..engine.server import app", "engine.server.app is not below"),
        (
            "operators/generate.py",
            "from ..engine.framepack.plan import Grid",
            "engine.framepack.plan.Grid is not below",
        ),
        ("operators/generate.py", "def f():\n    from ..panels import shots", "line 2: panels.shots is not below"),
        ("operators/generate.py", "from engine.protocol import ShotRequest", "must be imported relatively"),
        ("operators/generate.py", "import engine.protocol", "must be imported relatively"),
        ("engine/client/session.py", "from ...operators import jobs", "operators.jobs is not below"),
        ("engine/client/session.py", "from ..server import jobs", "engine.server.jobs is not below"),
        ("engine/client/session.py", "import httpx", "httpx is not in the standard library"),
        ("engine/server/app.py", "from ..framepack.plan import Grid", "engine.framepack.plan.Grid is not below"),
        ("engine/server/app.py", "from ..generation import job", "engine.generation.job is not below"),
        ("engine/server/jobs/scheduler.py", "from ...client import session", "engine.client.session is not below"),
        ("engine/generation/job.py", "from ..server import app", "engine.server.app is not below"),
        ("engine/generation/job.py", "from ..commands import generate", "engine.commands.generate is not below"),
        ("engine/inference/base.py", "from ..generation.job import run", "engine.generation.job.run is not below"),
        ("engine/models/spec.py", "from ..inference import registry", "engine.inference.registry is not below"),
        (
            "engine/framepack/plan.py",
            "from ..models.spec import ModelSpec",
            "engine.models.spec.ModelSpec is not below",
        ),
        ("engine/framepack/plan.py", "from ..media import images", "engine.media.images is not below"),
        ("engine/media/images.py", "from ..framepack.plan import Grid", "engine.framepack.plan.Grid is not below"),
        ("engine/commands/models.py", "from ...training import loop", "training.loop is not below"),
        ("training/loop.py", "from engine.server import app", "engine.server.app is not below"),
        ("training/loop.py", "from training import lessons", "training.lessons must be imported relatively"),
        ("training/loop.py", "from ..lab import convert", "lab.convert is not below"),
        ("engine/commands/models.py", "from ...lab import convert", "lab.convert is not below"),
        ("lab/convert/shards.py", "from lab.convert import layout", "lab.convert.layout must be imported relatively"),
        ("lab/convert/shards.py", "from engine.server import app", "engine.server.app is not below"),
        ("lab/convert/shards.py", "import pickle", "pickle runs what it reads"),
        ("engine/media/images.py", "from ..models import spec", "engine.models.spec is not below"),
        ("engine/media/images.py", "from ..protocol import Board", "engine.protocol.Board is not below"),
        ("engine/protocol.py", "from .media import images", "engine.media.images is not below"),
        ("engine/protocol.py", "from ...errors import Code", "errors.Code is not below"),
        ("engine/protocol.py", "import numpy as np", "numpy is not in the standard library"),
        ("engine/errors.py", "from pydantic import BaseModel", "pydantic.BaseModel is not in the standard library"),
        ("engine/upscale/run.py", "", "no line in MAY_IMPORT covers this file"),
        ("__init__.py", "import bpy", "bpy must be imported inside a function"),
        ("__init__.py", "from . import operators", "operators must be imported inside a function"),
        ("__init__.py", "def register():\n    from .engine import protocol", "engine.protocol is not below"),
        ("__init__.py", "def menu(): ...", "menu does not belong here"),
        ("engine/media/images.py", "import bpy", "bpy is used only under"),
        ("engine/server/app.py", "def f():\n    import bpy.app", "line 2: bpy.app is used only under"),
        ("engine/server/app.py", "import torch", "torch is used only under"),
        ("engine/server/app.py", "from safetensors.torch import load_file", "safetensors.torch.load_file is used only"),
        ("operators/generate.py", "import diffusers", "diffusers is used only under"),
        ("engine/commands/generate.py", "import torch", "torch is used only under"),
        ("engine/framepack/plan.py", "def f():\n    import torch", "torch is used only under"),
        (
            "engine/framepack/plan.py",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import torch",
            "torch is used only under",
        ),
        ("engine/models/spec.py", "from transformers import LlamaModel", "transformers.LlamaModel is used only under"),
        ("engine/generation/resolve.py", "def f():\n    import torch", "torch needs torch, which"),
        ("engine/models/folder.py", "import pickle", "pickle runs what it reads"),
        ("engine/inference/loading.py", "import torch\ntorch.load('w.pt')", "line 2: torch.load runs what it reads"),
        ("engine/inference/loading.py", "import torch as t\nt.load('w.pt')", "torch.load runs what it reads"),
        (
            "engine/inference/loading.py",
            "from torch import load as read\nread('w.pt')",
            "torch.load runs what it reads",
        ),
        ("engine/media/frames.py", "np.load('a.npy', allow_pickle=True)", "allow_pickle runs what it reads"),
        ("engine/commands/generate.py", "eval('1')", "eval runs what it reads"),
        ("engine/commands/generate.py", "import builtins\nbuiltins.exec('1')", "exec runs what it reads"),
        (
            "operators/settings.py",
            "class S:\n    x: IntProperty(get=lambda s: _N)",
            "line 2: a lambda in an annotation",
        ),
        ("engine/__init__.py", '"""The engine."""', "must be empty"),
        ("engine/media/utils.py", "", "its name does not say"),
        ("operators/shot_manager.py", "", "its name does not say"),
        ("panels/helpers/rows.py", "", "its name does not say"),
        ("panels/shots.py", "x = 1\n" * (MAX_LINES + 1), "has 351 lines"),
    ],
)
def test_rule_can_be_broken(path: str, source: str, fault: str) -> None:
    found = faults(PurePosixPath(path), source)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("panels/shots.py", "import bpy\nfrom ..operators import jobs\nfrom . import rows"),
        (
            "operators/generate.py",
            "from ..engine.client.session import Session\nfrom ..engine.protocol import ShotRequest",
        ),
        ("engine/client/install/installer.py", "import json\nimport requests\nfrom ..errors import Code"),
        (
            "engine/server/workers/worker.py",
            "import torch\nfrom ...generation.job import run\nfrom .inbox import Inbox",
        ),
        ("engine/inference/hunyuan/family.py", "from ...framepack.sigmas import shift_mu\nfrom ...models import spec"),
        ("engine/models/spec.py", "if TYPE_CHECKING:\n    import torch"),
        ("engine/framepack/solvers/euler.py", "import torch\nfrom .base import Denoised, Velocity"),
        ("training/loop.py", "import torch\nfrom engine.media.files import make_folder\nfrom .lessons import Batch"),
        ("lab/convert/shards.py", "import torch\nfrom training.loop import Course\nfrom .layout import Layout"),
        (
            "engine/inference/loading.py",
            "import json\nnetwork.eval()\njson.load(file)\nnp.load(file, allow_pickle=False)",
        ),
        ("engine/__init__.py", ""),
        ("panels/shots.py", "x = 1\n" * MAX_LINES),
    ],
)
def test_what_the_rules_allow(path: str, source: str) -> None:
    assert faults(PurePosixPath(path), source) == []


def test_nothing_stands_on_what_stands_on_it() -> None:
    assert circles(arrows({path: (ROOT / path).read_text(encoding="utf-8") for path in source_files()})) == []


@pytest.mark.parametrize(
    ("sources", "circle"),
    [
        ({"panels/a.py": "from . import b", "panels/b.py": "def f():\n    from .a import x"}, "panels/a.py"),
        (
            {
                "engine/media/a.py": "from ..models import b",
                "engine/models/b.py": "",
                "engine/models/c.py": "from ..media import a",
            },
            "engine.media",
        ),
        (
            {"engine/media/a.py": "if TYPE_CHECKING:\n    from .b import B", "engine/media/b.py": "from .a import A"},
            "engine/media/a.py",
        ),
    ],
)
def test_a_circle_is_seen(sources: dict[str, str], circle: str) -> None:
    (found,) = circles(arrows(sources))
    assert circle in found


def test_files_without_torch_load_without_it() -> None:
    """The rule above sees a file's own imports; what they import in turn shows only when they are loaded."""
    here = [place for place in source_files() if place.startswith("engine/") and place != "engine/__main__.py"]
    modules = [
        dotted(path)
        for path in here
        if not under(PurePosixPath(path), *TENSORS) or under(PurePosixPath(path), *WITHOUT_TORCH)
    ]
    program = (
        "import importlib, sys\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        f"print(*(name for name in {TORCH} if name in sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (loaded.stdout.strip(), loaded.stderr) == ("", "")


def test_a_board_that_is_missing_is_said_before_torch_loads() -> None:
    program = (
        "import sys\nfrom engine.__main__ import main\n"
        "assert main(['generate', '--out', 'no', '--image', 'missing.png']) == 2\n"
        f"print(*(name for name in {TORCH} if name in sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (loaded.stdout.strip(), loaded.returncode) == ("", 0)
