"""What a plain shot imports, in a process of its own; and that all that was left out is there for whoever wants it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.checkpoints import BOARD, TINY
from tests.engine.helios_checkpoints import make_helios

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = ("peft", "torchao", "diffusers.pipelines", "sympy", "torch._dynamo", "torch.distributed.tensor")


def python(program: str) -> list[str]:
    """What `program` prints, by lines."""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def generate(*arguments: object) -> str:
    """A program that makes a shot."""
    given = [str(each) for each in ("generate", *arguments)]
    return f"import sys\nfrom engine.__main__ import main\nassert main({given}) == 0\n"


def plain(model: Path, out: Path) -> list[object]:
    shot = ["--model", model, "--image", BOARD, "--out", out, "--device", "cpu", "--prompt", "a plain one"]
    return [*shot, "--size", "64x64", "--frames", "1", "--steps", "1"]


@pytest.fixture(scope="module")
def helios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_helios(tmp_path_factory.mktemp("models") / "helios", seed=2, kind="distilled")


def test_a_plain_shot_imports_no_library_that_only_other_shots_need(tmp_path: Path) -> None:
    imported = f"print(*sorted({set(LEFT_OUT)} & sys.modules.keys()))\n"
    # Nor have these run.
    names = ("transformers", "diffusers.models.transformers", "torch._meta_registrations")
    deferred = f"from engine.inference.deferred_modules import is_deferred\nprint(*map(is_deferred, {names}))\n"
    told = python(generate(*plain(TINY, tmp_path / "shot")) + imported + deferred)
    assert told[-2:] == ["", "True True True"]
    assert (tmp_path / "shot" / "frames" / "0001.png").exists()


def test_a_shot_of_the_other_family_is_made_so_too(helios: Path, tmp_path: Path) -> None:
    """Its text encoder and its pipeline need more of both libraries."""
    python(generate(*plain(helios, tmp_path / "shot")))
    assert (tmp_path / "shot" / "frames" / "0001.png").exists()


LEAN = """
from pathlib import Path
from engine.inference.lean_imports import import_families
import_families([("one", Path(r"{framepack}")), ("other", Path(r"{helios}"))], "cpu")
from engine.inference.deferred_modules import is_deferred
print("deferred", is_deferred("transformers"), is_deferred("torch._meta_registrations"))
"""
CLASSES = """
import inspect, sys
from engine.inference.hunyuan import family as hunyuan
from engine.inference.helios import family as helios
import engine.inference.speed.step_cache, engine.inference.speed.attention
kinds = [each for module in (hunyuan, helios) for each in vars(module).values() if inspect.isclass(each)]
theirs = [each for each in kinds if each.__module__.partition(".")[0] in ("diffusers", "transformers")]
for kind in theirs:
    print(kind.__module__, kind.__qualname__, [each.__qualname__ for each in kind.__mro__], sorted(vars(kind)))
    for name, each in inspect.getmembers(kind, inspect.isfunction):
        code = inspect.unwrap(each).__code__
        print(name, code.co_qualname, code.co_varnames, code.co_code.hex())
import diffusers, transformers, torch
print(len(theirs), all(getattr(globals()[kind.__module__.partition(".")[0]], kind.__name__) is kind for kind in theirs))
import diffusers.models.autoencoders, diffusers.models.transformers, diffusers.models.unets, transformers.models
names = ("models.autoencoders", "models.transformers", "models.unets")
packages = [transformers, transformers.models, *(eval("diffusers." + name) for name in names)]
for package in packages:
    dir(package)  # all of it is wanted
    there = vars(sys.modules[package.__name__])
    print(package.__name__, sorted(there.get("__all__") or [name for name in there if inspect.isclass(there[name])]))
print(transformers.__version__, transformers.AutoModel, diffusers.HunyuanVideoFramepackPipeline)
print(diffusers.models.transformers.WanTransformer3DModel, diffusers.models.autoencoders.AutoencoderKL)
import transformers.tokenization_utils_fast
print(torch.distributed.is_available(), torch._dynamo.config.__name__)
layer = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.GELU())
same = torch.allclose(torch.compile(layer, backend="aot_eager")(torch.ones(1, 2)), layer(torch.ones(1, 2)))
print(same, torch._dynamo.utils.counters["stats"]["unique_graphs"], "torch._meta_registrations" in sys.modules)
from engine.inference.deferred_modules import is_deferred
print("afterwards", is_deferred("torch._meta_registrations"))
"""


def test_classes_and_all_that_was_left_out_are_as_imported_plainly(helios: Path) -> None:
    """Their methods to the byte; whole packages by what is in them; the compiler by compiling."""
    lean, plain = (
        python(before + CLASSES)
        for before in (LEAN.format(framepack=TINY, helios=helios), 'print("deferred True True")\n')
    )
    assert lean[0] == "deferred True True"
    assert [line for line in lean if line not in plain] == []
    assert lean == plain
    assert any(line.endswith(" True") and int(line.split()[0]) > 10 for line in lean if line[:2].isdigit())
    assert lean[-2:] == ["True 1 True", "afterwards False"]


OTHER_VERSION = """
from engine.inference import lean_imports
lean_imports._PLACES = dict.fromkeys(lean_imports._PLACES, "transformers.no_such_module")
lean_imports._EVERY_MODEL = ("diffusers.models.no_such_package", "diffusers.no_such.package")
lean_imports._COMPILER = "torch.no_such_compiler"
lean_imports.WITHOUT_MEMORY = "torch.no_such_module"
"""


def test_where_a_library_has_moved_everything_it_is_imported_as_ever(helios: Path) -> None:
    told = python(OTHER_VERSION + LEAN.format(framepack=TINY, helios=helios) + CLASSES)
    assert told[0] == "deferred False False"
    assert told[1:] == python(CLASSES)


IN_USE = """
import sys
import {library}
{lean}
import transformers, torch
kept = sys.modules["transformers"]
print(type(kept).__name__, "torch._dynamo" in sys.modules, "torch.distributed.tensor" in sys.modules)
print(is_deferred("torch._meta_registrations"))
print(torch.distributed.is_available(), transformers.utils.is_torch_distributed_available())
"""


@pytest.mark.parametrize("library", ["torch", "transformers"])
def test_in_somebody_else_s_process_all_is_imported_as_ever(library: str, helios: Path) -> None:
    told = python(IN_USE.format(library=library, lean=LEAN.format(framepack=TINY, helios=helios)))
    assert told[-3:] == ["_LazyModule True True", "False", "True True"]


FALLS_BACK = """
from engine.errors import EngineError
from engine.inference.deferred_modules import WITHOUT_MEMORY
from engine.inference.loading import load_part
class Wants:
    def from_pretrained(path, **options):
        if is_deferred(WITHOUT_MEMORY):
            raise NotImplementedError("aten::never has no kernel for tensors without memory")
        return "loaded"
print(load_part(Wants, Path(".")))
class WantsMore:
    def from_pretrained(path, **options):
        raise NotImplementedError("aten::never")
try:
    load_part(WantsMore, Path("."))
except EngineError as error:
    print(error.code)
"""


def test_a_network_that_is_made_by_other_operations_is_loaded_as_ever(helios: Path) -> None:
    told = python(LEAN.format(framepack=TINY, helios=helios) + FALLS_BACK)
    assert told == ["deferred True True", "loaded", "model_damaged"]


WEIGHTS = """
import hashlib
from pathlib import Path
import torch
from diffusers import AutoencoderKLHunyuanVideo, AutoencoderKLWan, HeliosTransformer3DModel
from diffusers import HunyuanVideoFramepackTransformer3DModel
from transformers import CLIPTextModel, LlamaModel, SiglipVisionModel, UMT5EncoderModel
from engine.inference.loading import load_network
framepack = dict(text_encoder=LlamaModel, text_encoder_2=CLIPTextModel, image_encoder=SiglipVisionModel)
framepack |= dict(vae=AutoencoderKLHunyuanVideo, transformer=HunyuanVideoFramepackTransformer3DModel)
helios = dict(text_encoder=UMT5EncoderModel, vae=AutoencoderKLWan, transformer=HeliosTransformer3DModel)
for folder, kinds in ((r"{framepack}", framepack), (r"{helios}", helios)):
    for name, kind in kinds.items():
        network = load_network(kind, Path(folder) / name, torch.float32, torch.device("cpu"))
        for key, tensor in (*network.named_parameters(), *network.named_buffers()):
            print(name, key, tensor.dtype, hashlib.sha256(tensor.detach().numpy().tobytes()).hexdigest())
"""


def test_networks_come_with_the_same_weights_and_tables_as_ever(helios: Path) -> None:
    weights = WEIGHTS.format(framepack=TINY, helios=helios)
    deferred = 'print(is_deferred("torch._meta_registrations"))'
    lean = python(LEAN.format(framepack=TINY, helios=helios) + weights + deferred)
    assert lean[-1] == "True", "both families' networks are made by what torch knows"
    assert lean[1:-1] == python(weights)
    assert len(lean) > 300
    assert any("inv_freq" in line for line in lean)


NOT_LEAN = """
import sys
import torch
torch.cuda.is_available = lambda: {card}
from pathlib import Path
from engine.inference import lean_imports
lean_imports._LIBRARIES = set()  # all but this one line is a process of its own
lean_imports.import_families([("tiny", Path(r"{model}"))], "auto", fast={fast})
print("torch._dynamo" not in sys.modules)
"""


@pytest.mark.parametrize(("card", "fast", "lean"), [(True, True, False), (True, False, True), (False, True, True)])
def test_where_blocks_may_be_compiled_the_compiler_is_imported_as_ever(card: bool, fast: bool, lean: bool) -> None:
    """Functions are marked for it when libraries are imported."""
    told = python(NOT_LEAN.format(card=card, fast=fast, model=TINY))
    assert told[-1] == str(lean)
