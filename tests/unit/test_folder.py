"""Model folders and their `shotpack.json`: what is accepted, and one clear sentence for what is not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from engine.errors import Code, EngineError
from engine.framepack.packing import Order
from engine.framepack.sigmas import FlowShift
from engine.models import checksums
from engine.models.folder import open_folder
from engine.models.manifest import FactsError, is_inside, parse_facts
from engine.models.safetensors_headers import WeightsError, check_header
from tests.unit.model_files import TEXTS, WEIGHTS, make_model, safetensors

TINY = Path(__file__).resolve().parent.parent / "fixtures" / "tiny-framepack"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOTPACK_HOME", str(tmp_path / "home"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model")


def refusal(path: Path, code: Code = Code.MODEL_DAMAGED) -> EngineError:
    with pytest.raises(EngineError) as caught:
        open_folder(path)
    assert caught.value.code is code
    assert caught.value.exit_code == 3
    assert "\n" not in caught.value.line
    return caught.value


def test_a_whole_model(model: Path) -> None:
    folder = open_folder(model)
    assert folder.name == "model"
    assert folder.components == {name: model / name for name in (*WEIGHTS, *TEXTS)}
    assert folder.facts.order is None
    names = [name for name, _ in folder.files()]
    assert names == sorted(names)
    assert set(names) == {f"{component}/{name}" for component, name in (WEIGHTS | TEXTS).items()} | {
        f"{component}/config.json" for component in WEIGHTS
    }


def test_what_diffusers_wrote() -> None:
    assert set(open_folder(TINY).components) == {*WEIGHTS, *TEXTS}


def test_no_torch_and_no_network_library() -> None:
    modules = "catalog, checksums, download, folder, huggingface"
    heavy = "{'torch', 'diffusers', 'transformers', 'huggingface_hub', 'httpx2'}"
    code = f"from engine.commands import models; from engine.models import {modules}; import sys; "
    code += f"print(sorted({heavy} & sys.modules.keys()))"
    root = Path(__file__).resolve().parent.parent.parent
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_not_a_model(tmp_path: Path, model: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere", Code.MODEL_FOLDER_INVALID).line
    (tmp_path / "empty").mkdir()
    assert "model_index.json" in refusal(tmp_path / "empty", Code.MODEL_FOLDER_INVALID).line
    (model / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    assert "StableDiffusionPipeline" in refusal(model, Code.MODEL_FOLDER_INVALID).line
    (model / "model_index.json").write_text("[]")
    assert "does not name a pipeline" in refusal(model).line
    (model / "model_index.json").write_text("{")
    assert "model_index.json is not readable JSON" in refusal(model).line


@pytest.mark.parametrize("component", [*WEIGHTS, *TEXTS])
def test_a_missing_component(model: Path, component: str) -> None:
    shutil.rmtree(model / component)
    assert f"its {component} is missing" in refusal(model).line


def test_what_may_be_absent(model: Path) -> None:
    """The index, and the scheduler where nothing names it."""
    (model / "model_index.json").unlink()
    assert set(open_folder(model).components) == {*WEIGHTS, *TEXTS}
    shutil.rmtree(model / "scheduler")
    assert set(open_folder(model).components) == {*WEIGHTS, *TEXTS} - {"scheduler"}
    shutil.rmtree(model / "vae")
    assert "its vae is missing" in refusal(model).line


def test_weights_that_no_library_loads(model: Path) -> None:
    weights = model / "vae" / WEIGHTS["vae"]
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    line = refusal(model).line
    assert "diffusion_pytorch_model.fp16.safetensors" in line
    assert "but no diffusion_pytorch_model.safetensors" in line


@pytest.mark.parametrize("name", ["tokenizer/tokenizer.json", "vae/config.json"])
@pytest.mark.parametrize(("text", "what"), [('{"model": ', "not readable JSON"), ("[]", "not a JSON object")])
def test_json_that_is_none(model: Path, name: str, text: str, what: str) -> None:
    (model / name).write_text(text)
    line = refusal(model).line
    assert name in line
    assert what in line


@pytest.mark.parametrize("name", ["vae/config.json", "tokenizer/tokenizer.json", "scheduler/scheduler_config.json"])
def test_a_missing_file(model: Path, name: str) -> None:
    (model / name).unlink()
    assert f"{name.split('/')[0]} has no" in refusal(model).line


def test_an_unreadable_config(model: Path) -> None:
    (model / "vae" / "config.json").write_bytes(b"\xff\xfe{")
    assert "vae/config.json is not readable JSON" in refusal(model).line


def truncated(data: bytes) -> bytes:
    return data[:-1]


def cut_in_the_header(data: bytes) -> bytes:
    return data[:40]


def cut_in_the_length(data: bytes) -> bytes:
    return data[:5]


def emptied(data: bytes) -> bytes:
    return b""


def too_long(data: bytes) -> bytes:
    return data + b"\0"


def overwritten(data: bytes) -> bytes:
    return b"\x80\x02ctorch._utils\n" + data


def header_not_json(data: bytes) -> bytes:
    return data[:8] + b"!" + data[9:]


def header_a_list(data: bytes) -> bytes:
    return struct.pack("<Q", 2) + b"[]"


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (truncated, "truncated"),
        (cut_in_the_header, "truncated"),
        (cut_in_the_length, "truncated"),
        (emptied, "truncated"),
        (too_long, "garbled"),
        (overwritten, "garbled"),
        (header_not_json, "garbled"),
        (header_a_list, "garbled"),
    ],
)
def test_damaged_weights(model: Path, damage: Callable[[bytes], bytes], word: str) -> None:
    weights = model / "transformer" / WEIGHTS["transformer"]
    weights.write_bytes(damage(weights.read_bytes()))
    line = refusal(model).line
    assert f"transformer/{weights.name} is {word}" in line
    assert "models verify" in line


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F16", "shape": [12], "data_offsets": [0, 22]},
        {"dtype": "F32", "shape": [12], "data_offsets": [0, 24]},
        {"dtype": "F16", "shape": [12], "data_offsets": [24, 0]},
        {"dtype": "F16", "shape": [-12], "data_offsets": [0, 24]},
        {"dtype": "F16", "shape": [12]},
        {"dtype": ["F16"], "shape": [12], "data_offsets": [0, 24]},
        "weight",
    ],
)
def test_a_header_that_lies(model: Path, entry: object) -> None:
    (model / "vae" / WEIGHTS["vae"]).write_bytes(safetensors(weight=entry))
    assert "is garbled" in refusal(model).line


def test_tensors_that_overlap(model: Path) -> None:
    second = {"dtype": "F16", "shape": [2], "data_offsets": [20, 24]}
    (model / "vae" / WEIGHTS["vae"]).write_bytes(safetensors(second=second))
    assert "overlap" in refusal(model).line


@settings(deadline=None)  # a busy disk is no fault
@given(st.data())
def test_the_library_agrees(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever the safetensors library itself opens is sound here too, and every cut or lengthened file is refused."""
    path = tmp_path_factory.mktemp("weights") / "any.safetensors"
    content = bytearray(safetensors())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(content) + 2))
    path.write_bytes(bytes(content[:length]) + bytes(max(0, length - len(content))))
    try:
        check_header(path)
        sound = True
    except WeightsError as fault:
        assert "any.safetensors" in str(fault)
        sound = False
    try:
        with safe_open(path, "numpy"):
            opened = True
    except SafetensorError:
        opened = False
    assert sound or not opened
    assert not sound or length == len(content)


def shard(folder: Path, *, index: dict[str, str] | None) -> None:
    """Replace plain weights by two shards."""
    name = next(folder.glob("*.safetensors")).stem
    (folder / f"{name}.safetensors").unlink()
    for number in (1, 2):
        (folder / f"{name}-0000{number}-of-00002.safetensors").write_bytes(safetensors(bytes([number]) * 8))
    if index is not None:
        (folder / f"{name}.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def test_shards(model: Path) -> None:
    text_encoder = model / "text_encoder"
    both = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    shard(text_encoder, index=both)
    assert len([name for name, _ in open_folder(model).files() if name.startswith("text_encoder/")]) == 4
    second = text_encoder / both["b"]
    second.write_bytes(second.read_bytes()[:-3])
    assert "model-00002-of-00002.safetensors is truncated" in refusal(model).line
    second.unlink()
    assert "text_encoder/model-00002-of-00002.safetensors is missing" in refusal(model).line


@pytest.mark.parametrize("index", [None, {"a": "model-00001-of-00002.safetensors"}])
def test_shards_no_index_names(model: Path, index: dict[str, str] | None) -> None:
    shard(model / "text_encoder", index=index)
    assert "no index names it" in refusal(model).line


@pytest.mark.parametrize("weight_map", [{"a": "../vae/x.safetensors"}, {"a": "model.bin"}, {"a": 3}, ["a"], "a"])
def test_an_index_that_makes_no_sense(model: Path, weight_map: object) -> None:
    index = model / "text_encoder" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    assert "model.safetensors.index.json" in refusal(model).line


@pytest.mark.parametrize("name", ["model.bin", "pytorch_model.pt", "model.ckpt", "weights.pkl"])
def test_pickles_are_refused(model: Path, name: str) -> None:
    (model / "text_encoder" / "model.safetensors").rename(model / "text_encoder" / name)
    line = refusal(model).line
    assert f"text_encoder/{name} is a pickle" in line
    assert "convert it to safetensors" in line


def test_a_pickle_beside_safetensors_is_ignored(model: Path) -> None:
    (model / "text_encoder" / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    assert not [name for name, _ in open_folder(model).files() if name.endswith(".bin")]


def test_no_weights(model: Path) -> None:
    (model / "vae" / WEIGHTS["vae"]).unlink()
    assert "vae has no weights" in refusal(model).line


# shotpack.json


FACTS = {
    "title": "Sketch",
    "licence": "GPL-3.0-or-later",
    "prompt_template": "Say {}!",
    "prompt_crop": 2,
    "prompt_tokens": 64,
    "native_fps": 24,
    "sizes": [[256, 144], [144, 256]],
    "side_limits": [64, 512],
    "steps": 8,
    "guidance": 1.5,
    "shift": 20,
    "far_shift": 7,
    "order": "forward",
    "trained_orders": ["forward", "inverted"],
    "preview": {"matrix": [[0.1, 0.2, 0.3], [1, 0, 0]], "bias": [0, 0, 0.5]},
    "mag_ratios": [1.0, 0.98],
}


def test_facts(model: Path) -> None:
    (model / "shotpack.json").write_text(json.dumps(FACTS))
    facts = open_folder(model).facts
    assert facts.title == "Sketch"
    assert facts.prompt_template == "Say {}!"
    assert (facts.native_fps, facts.steps, facts.guidance) == (24.0, 8, 1.5)
    assert facts.sizes == ((256, 144), (144, 256))
    assert (facts.shift, facts.far_shift) == (FlowShift.fixed(20), FlowShift.fixed(7))
    assert facts.order is Order.FORWARD
    assert facts.trained_orders == (Order.FORWARD, Order.INVERTED)
    assert facts.preview is not None
    assert facts.preview.matrix == ((0.1, 0.2, 0.3), (1.0, 0.0, 0.0))
    assert facts.preview.bias == (0.0, 0.0, 0.5)
    assert facts.side_limits == (64, 512)
    assert facts.mag_ratios == (1.0, 0.98)
    assert facts.family is None


def test_an_unknown_key(model: Path) -> None:
    (model / "shotpack.json").write_text(json.dumps({**FACTS, "colour": "blue"}))
    line = refusal(model).line
    assert "'colour'" in line
    assert "native_fps" in line


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("title", ""),
        ("title", 3),
        ("prompt_template", "no place"),
        ("prompt_template", "{} and {}"),
        ("prompt_template", "{name}"),
        ("prompt_template", "{"),
        ("prompt_crop", -1),
        ("prompt_crop", 1.5),
        ("prompt_tokens", 0),
        ("native_fps", 0),
        ("native_fps", "30"),
        ("native_fps", True),
        ("sizes", []),
        ("sizes", [[256]]),
        ("sizes", [[256, 0]]),
        ("sizes", [[256, 144.0]]),
        ("sizes", {"256": 144}),
        ("side_limits", [512, 64]),
        ("steps", 0),
        ("steps", 1001),
        ("steps", True),
        ("guidance", -1),
        ("guidance", None),
        ("shift", 0),
        ("shift", "7"),
        ("far_shift", 0),
        ("order", "backward"),
        ("order", ["forward"]),
        ("trained_orders", []),
        ("trained_orders", "forward"),
        ("trained_orders", ["forward", "backward"]),
        ("preview", {"matrix": [[0, 0, 0]]}),
        ("preview", {"matrix": [[0, 0]], "bias": [0, 0, 0]}),
        ("preview", {"matrix": [], "bias": [0, 0, 0]}),
        ("preview", {"matrix": [[0, 0, "x"]], "bias": [0, 0, 0]}),
        ("mag_ratios", []),
        ("packed", 1),
        ("kernels", [[1, 2, 2]]),
        ("tails", ["td"]),
        ("schedules", {"sideways": "td_f1k1_g9"}),
        ("schedules", {"inverted": "td_f1k1_g9"}),
        ("schedules", {"forward": "f1k1"}),
        ("schedules", {"forward": "nonsense"}),
        ("schedules", {}),
        ("packing", "hybrid"),
        ("packing", {"trained": []}),
        ("packing", {"trained": ["time", "time"]}),
        ("packing", {"trained": ["space"]}),
        ("packing", {"weight": -1}),
        ("packing", {"keep": 1.5}),
        ("packing", {"estimate": "truth"}),
        ("codebook", {"file": "codebook.safetensors"}),
        ("codebook", {"file": "../codebook.safetensors", "size": 4}),
        ("codebook", {"file": "codebook.bin", "size": 4}),
        ("codebook", {"file": "codebook.safetensors", "size": 0}),
        ("codebook", {"file": "codebook.safetensors", "size": 4, "anchor": "no"}),
        ("components", ["vae"]),
        ("components", {"vae": 1}),
        ("components", {"Vae!": "vae"}),
        ("files", {"vae/config.json": "abc"}),
        ("files", {"vae/config.json": "A" * 64}),
        ("files", {"../config.json": "a" * 64}),
    ],
)
def test_a_wrong_value_names_its_key(key: str, value: object) -> None:
    with pytest.raises(FactsError, match=key):
        parse_facts(json.dumps({key: value}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kernels", []),
        ("kernels", [[1, 2]]),
        ("kernels", [[1, 3, 2]]),
        ("kernels", [[0, 2, 2]]),
        ("kernels", [[1, 2, 2], [1, 2, 2]]),
        ("tails", []),
        ("tails", ["tx"]),
    ],
)
def test_a_wrong_value_of_a_packed_model_names_its_key(key: str, value: object) -> None:
    with pytest.raises(FactsError, match=key):
        parse_facts(json.dumps({"packed": True, key: value}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"guidance": NaN}', '{"guidance": Infinity}', "[" * 100_000])
def test_no_facts_at_all(text: str) -> None:
    with pytest.raises(FactsError):
        parse_facts(text)


@pytest.mark.parametrize(
    "path",
    ["../vae", "vae/../../x", "/etc", "C:\\models", "c:models", "\\\\host\\share", "a\\..\\..\\b", "..", "", "a\0b"],
)
def test_a_path_that_escapes(model: Path, path: str) -> None:
    assert not is_inside(path)
    (model / "shotpack.json").write_text(json.dumps({"components": {"vae": path}}))
    assert "vae" in refusal(model).line


@given(st.text(alphabet="a./\\:", max_size=12))
def test_a_path_inside_stays_inside(path: str) -> None:
    if is_inside(path):
        root = Path("/models/home").absolute()
        assert (root / path).is_relative_to(root)
        assert ".." not in (root / path).parts


def test_a_component_elsewhere_in_the_folder(model: Path) -> None:
    (model / "vae").rename(model / "other_vae")
    (model / "shotpack.json").write_text(json.dumps({"components": {"vae": "other_vae"}}))
    folder = open_folder(model)
    assert folder.components["vae"] == model / "other_vae"
    assert folder.locate("vae/config.json") == model / "other_vae" / "config.json"


def test_a_shared_component_in_the_models_home(model: Path, tmp_path: Path) -> None:
    shared = tmp_path / "home" / "models" / "parts" / "someone--vae@1234" / "vae"
    shared.parent.mkdir(parents=True)
    before = checksums.fingerprint(open_folder(model))
    shutil.move(model / "vae", shared)
    (model / "shotpack.json").write_text(json.dumps({"components": {"vae": "parts/someone--vae@1234/vae"}}))
    folder = open_folder(model)
    assert folder.components["vae"] == shared
    assert checksums.fingerprint(folder) == before


# Checksums


def record(model: Path) -> dict[str, str]:
    files = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in open_folder(model).files()}
    (model / "shotpack.json").write_text(json.dumps({"files": files}))
    return files


def flip(path: Path) -> None:
    """Change one bit of the data, so that the header still holds."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_hash_broken_weights(model: Path) -> None:
    record(model)
    checksums.require_intact(open_folder(model))
    flip(model / "vae" / WEIGHTS["vae"])
    folder = open_folder(model)
    with pytest.raises(EngineError) as caught:
        checksums.require_intact(folder)
    assert caught.value.code is Code.MODEL_DAMAGED
    assert f"vae/{WEIGHTS['vae']} does not match its checksum" in caught.value.line
    assert "models verify" in caught.value.line
    assert [state.name for state in checksums.verify(folder)] == [f"vae/{WEIGHTS['vae']}"]


def test_verify_names_every_fault(model: Path) -> None:
    record(model)
    flip(model / "vae" / WEIGHTS["vae"])
    (model / "tokenizer" / "tokenizer.json").unlink()
    weights = model / "transformer" / WEIGHTS["transformer"]
    weights.write_bytes(weights.read_bytes()[:-1])
    shutil.rmtree(model / "scheduler")
    problems = {state.name: state.problem for state in checksums.verify(open_folder(model, check=False))}
    assert problems.keys() == {
        f"vae/{WEIGHTS['vae']}",
        "tokenizer/tokenizer.json",
        f"transformer/{WEIGHTS['transformer']}",
        "scheduler",
        "scheduler/scheduler_config.json",
    }
    assert "truncated" in str(problems[f"transformer/{WEIGHTS['transformer']}"])
    assert "missing" in str(problems["tokenizer/tokenizer.json"])


def test_verify_reads_anew(model: Path) -> None:
    """A disk that rots changes no time stamp: the cache must not vouch for it."""
    record(model)
    weights = model / "vae" / WEIGHTS["vae"]
    folder = open_folder(model)
    checksums.require_intact(folder)
    stamp = weights.stat()
    flip(weights)
    os.utime(weights, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    checksums.require_intact(folder)  # trusts the cache
    assert [state.name for state in checksums.verify(folder)] == [f"vae/{WEIGHTS['vae']}"]
    with pytest.raises(EngineError):  # and verify has corrected it
        checksums.require_intact(folder)


def test_a_fingerprint_is_of_the_files_alone(model: Path, tmp_path: Path) -> None:
    first = checksums.fingerprint(open_folder(model))
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    (copy / "transformer" / ".incomplete").write_bytes(b"x")
    assert checksums.fingerprint(open_folder(copy)) == first
    flip(copy / "vae" / WEIGHTS["vae"])
    assert checksums.fingerprint(open_folder(copy)) != first
    assert len(first) == 64


def test_checksums_are_computed_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = model / "vae" / WEIGHTS["vae"]
    read: list[tuple[str, int, int]] = []
    size = weights.stat().st_size
    first = checksums.file_sha256(weights, progress=lambda *told: read.append(told))
    assert first == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert read[-1] == (weights.name, size, size)
    read.clear()
    assert checksums.file_sha256(weights, progress=lambda *told: read.append(told)) == first
    assert not read
    flip(weights)
    assert checksums.file_sha256(weights, progress=lambda *told: read.append(told)) != first


@pytest.mark.parametrize("content", ["", "[1]", '{"x": 3}', "\0"])
def test_a_broken_cache_is_no_harm(model: Path, tmp_path: Path, content: str) -> None:
    cache = tmp_path / "home" / "cache" / "checksums.json"
    cache.parent.mkdir(parents=True)
    cache.write_text(content)
    weights = model / "vae" / WEIGHTS["vae"]
    assert checksums.file_sha256(weights) == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_a_cache_that_cannot_be_written_is_no_harm(model: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the way")
    weights = model / "vae" / WEIGHTS["vae"]
    assert checksums.file_sha256(weights) == hashlib.sha256(weights.read_bytes()).hexdigest()
