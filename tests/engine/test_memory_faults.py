"""Out of memory at every stage: one sentence, exit code 4, and nothing that was finished is lost or made again."""

from __future__ import annotations

import errno
import itertools
import shutil
from collections.abc import Callable, Collection, Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file

from engine.errors import Code, EngineError
from engine.events import Event, Progress, Section, Step
from engine.framepack.solvers.base import Velocity
from engine.generation import open_family
from engine.generation.job import prepare, run
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.loading import load_network
from engine.inference.memory.out_of_memory import memory_faults
from engine.inference.memory.placement import ALL_KEPT, Placed, Placement, Stay
from engine.inference.networks import Networks
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest
from tests.engine.checkpoints import BOARD, TINY

PLACE = open_family.place_model
Starve = Callable[[str, Collection[int]], None]


def make(folder: Path, *, resume: bool = False, frames: int = 73) -> list[Event]:
    return list(begun(folder, resume=resume, frames=frames))


def begun(folder: Path, *, resume: bool = False, frames: int = 73) -> Generator[Event]:
    board = open_board(BOARD)
    request = ShotRequest("tiny", "w5 w2 w81", (Board(1, board.sha256),), frames=frames, width=64, height=64, steps=3)
    prepared = prepare(request, {board.sha256: board}, open_folder(TINY), "cpu", folder)
    return run(prepared, {board.sha256: board}, resume=resume)


@pytest.fixture
def starve(monkeypatch: pytest.MonkeyPatch) -> Starve:
    """Let the calls of a method that are numbered so, from 1, find no memory."""

    def starve(method: str, calls: Collection[int]) -> None:
        numbers = itertools.count(1)
        original = getattr(HunyuanFramePack, method)

        def failing(self, *args):  # type: ignore[no-untyped-def]
            if next(numbers) in calls:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            return original(self, *args)

        monkeypatch.setattr(HunyuanFramePack, method, failing)

    return starve


def frames_of(folder: Path) -> dict[str, np.ndarray]:
    """A shot's frames by file name."""
    return {path.name: np.asarray(Image.open(path)) for path in (folder / "frames").glob("*.png")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The frames of the shot where there is memory enough, by file name."""
    folder = tmp_path_factory.mktemp("whole") / "shot"
    make(folder)
    return frames_of(folder)


STAGES = [
    ("encode_texts", 1, "encoding"),
    ("encode_visions", 1, "encoding"),
    ("encode_latent", 1, "encoding"),
    ("begin", 2, "loading the transformer"),
    ("decode_in_time", 1, "decoding"),
    ("decode_in_time", 2, "decoding"),
    ("prepare_start", 1, "making the shot"),
]


def same_frames(folder: Path, whole: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(Image.open(folder / "frames" / name), frame) for name, frame in whole.items())


@pytest.mark.parametrize(("method", "call"), [stage[:2] for stage in STAGES])
def test_memory_runs_out_once(
    starve: Starve, tmp_path: Path, whole: dict[str, np.ndarray], method: str, call: int
) -> None:
    """The shot goes on with less at a time, and what was finished is not made again."""
    starve(method, {call})
    placements: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            open_family, "place_model", lambda *a, retry=0, **k: placements.append(retry) or PLACE(*a, retry=retry, **k)
        )
        events = make(tmp_path / "starved")
    assert placements == [0, 1]
    said = [event.stage for event in events if isinstance(event, Progress)]
    assert "out of memory; trying once more with less at a time" in said
    assert len([event for event in events if isinstance(event, Step)]) == 6, "no section is sampled twice"
    assert events[-1].event == "finished"
    assert same_frames(tmp_path / "starved", whole)


@pytest.mark.parametrize(("method", "call", "stage"), STAGES)
def test_memory_runs_out_for_good(
    starve: Starve,
    tmp_path: Path,
    whole: dict[str, np.ndarray],
    method: str,
    call: int,
    stage: str,
) -> None:
    """Twice is enough: one sentence, exit code 4, and the shot can be taken up where it stands."""
    starve(method, {call, call + 1})
    folder = tmp_path / "starved"
    with pytest.raises(EngineError) as caught:
        make(folder)
    assert caught.value.code is Code.OUT_OF_MEMORY
    assert caught.value.exit_code == 4
    assert stage in caught.value.line

    sampled = len(list((folder / "checkpoint").glob("latents-*")))
    events = make(folder, resume=True)
    assert len({event.section for event in events if isinstance(event, Step)}) == 2 - sampled
    assert same_frames(folder, whole)


# In the middle of a section: what is done of it is lost, and nothing else.

HALVED = Placement(Stay.IN_TURN, Stay.IN_TURN, Stay.IN_TURN, half_precision=True)
"""A leaner placement that gives other numbers: by them one sees which sections were made under it."""


class Cut:
    """Lets the calls of the model that are numbered so, from 1, find no memory, and remembers what was there then."""

    def __init__(self, folder: Path, calls: Collection[int], monkeypatch: pytest.MonkeyPatch) -> None:
        self.finished: dict[Path, tuple[bytes, int]] = {}
        self._folder = folder
        self._calls = calls
        self._numbers = itertools.count(1)
        begin = HunyuanFramePack.begin
        monkeypatch.setattr(HunyuanFramePack, "begin", lambda *args: self._watched(begin(*args)))

    def _watched(self, velocity: Velocity) -> Velocity:
        def failing(x: torch.Tensor, sigma: float) -> torch.Tensor:
            if next(self._numbers) in self._calls:
                self.finished = self.finished or kept(self._folder)
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            return velocity(x, sigma)

        return failing


def kept(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """What is finished in a shot's folder, latents and frames, with the time of their writing."""
    paths = [*(folder / "checkpoint").glob("latents-*"), *folder.glob("**/*.png")]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def close_after(shot: Generator[Event], sections: int) -> None:
    """Let a shot go on until so many sections are made, and close it."""
    while sections:
        sections -= isinstance(next(shot), Section)
    shot.close()


def place_as(monkeypatch: pytest.MonkeyPatch, leaner: Placement | None) -> list[Placement]:
    """The placements taken, one for each attempt: the policy's own, or `leaner` where memory has run out before."""
    taken: list[Placement] = []

    def placed(*args: object, **settings: object) -> Placed:
        answer = PLACE(*args, **settings)
        if leaner is not None and settings["retry"]:
            answer = Placed(leaner, answer.peak, fits=True)
        taken.append(answer.placement)
        return answer

    monkeypatch.setattr(open_family, "place_model", placed)
    return taken


@pytest.mark.parametrize(("sections", "leaner"), [(2, None), (3, HALVED)], ids=["the policy's own", "half precision"])
def test_memory_runs_out_in_the_middle_of_a_section(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: dict[str, np.ndarray],
    sections: int,
    leaner: Placement | None,
) -> None:
    """In the last section's third step: the others are not touched, and it is what the leaner placement makes of it."""
    frames = 36 * sections + 1
    folder = tmp_path / "starved"
    with monkeypatch.context() as patch:
        taken = place_as(patch, leaner)
        cut = Cut(folder, {3 * sections}, patch)
        events = make(folder, frames=frames)
    assert taken == [ALL_KEPT, leaner or Placement(Stay.IN_TURN, Stay.IN_TURN, Stay.IN_TURN)]
    steps = [event.step for event in events if isinstance(event, Step)]
    assert steps == [*(1, 2, 3) * (sections - 1), 1, 2, *(1, 2, 3)]
    # Frames stay provisional until their neighbour is made, and are other files then.
    final = {path: file for path, file in cut.finished.items() if folder / "provisional" not in path.parents}
    assert len([path for path in final if path.suffix == ".safetensors"]) == sections - 1
    assert any(path.suffix == ".png" for path in final) == (sections > 2)
    assert kept(folder).items() >= final.items()

    # The same without the fault: the last section alone in the leaner placement, in a shot that was closed before it.
    undisturbed = tmp_path / "undisturbed"
    close_after(begun(undisturbed, frames=frames), sections - 1)
    with monkeypatch.context() as patch:
        patch.setattr(open_family, "place_model", lambda *_, **__: Placed(taken[1], 0, fits=True))
        make(undisturbed, resume=True, frames=frames)
    name = f"checkpoint/latents-{sections - 1:04d}.safetensors"
    latents = [load_file(shot / name)["latents"] for shot in (folder, undisturbed)]
    assert torch.equal(*latents)
    assert same_frames(folder, frames_of(undisturbed))

    if leaner is None:
        assert same_frames(folder, whole)
    else:
        make(tmp_path / "as usual", frames=frames)
        assert not same_frames(folder, frames_of(tmp_path / "as usual")), "half precision was at work"


def test_memory_runs_out_in_the_middle_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, np.ndarray]
) -> None:
    """A clear failure while section 2 is made again; section 1 is kept, and the shot can be taken up."""
    folder = tmp_path / "starved"
    with monkeypatch.context() as patch:
        cut = Cut(folder, {6, 8}, patch)
        with pytest.raises(EngineError) as caught:
            make(folder)
    assert caught.value.code is Code.OUT_OF_MEMORY
    assert caught.value.exit_code == 4
    assert "sampling" in caught.value.line
    assert kept(folder) == cut.finished
    assert {path.suffix for path in cut.finished} == {".safetensors", ".png"}

    events = make(folder, resume=True)
    assert len([event for event in events if isinstance(event, Step)]) == 3, "only section 2"
    assert same_frames(folder, whole)


CUDNN = "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"
CUBLAS = "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"


def chained(fault: Exception, cause: Exception) -> Exception:
    """A fault as a library raises it that has caught another one."""
    fault.__cause__ = cause
    return fault


@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        MemoryError(),
        RuntimeError(
            "MPS backend out of memory (MPS allocated: 17.95 GB, other allocations: 128.00 KB, max allowed: 18.13 GB). "
            "Tried to allocate 256.00 MB on private pool. Use PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 to disable upper "
            "limit for memory allocations (may cause system failure)."
        ),
        RuntimeError("Invalid buffer size: 20.25 GB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
        RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
        RuntimeError("HIP error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`"),
        RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError(
            "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other call"
        ),
        RuntimeError("CUDA driver error: out of memory"),
        RuntimeError("Triton Error [CUDA]: out of memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
            "allocate 1125899906842624 bytes. Error code 12 (Cannot allocate memory)"
        ),
        RuntimeError("[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory: you tried to"),
        RuntimeError("unable to mmap 4976698672 bytes from file </models/a.safetensors>: Cannot allocate memory (12)"),
        RuntimeError("std::bad_alloc"),
        SafetensorError("Error while deserializing header: IO error: Cannot allocate memory (os error 12)"),
        SafetensorError("The paging file is too small for this operation to complete. (os error 1455)"),
        SafetensorError("La mémoire virtuelle est insuffisante. (os error 1455)"),
        OSError(errno.ENOMEM, "Cannot allocate memory", "/models/a.safetensors"),
        chained(OSError("Unable to load weights from checkpoint file for '/models/a.safetensors'"), MemoryError()),
        chained(RuntimeError("backend='inductor' raised:"), torch.OutOfMemoryError("CUDA out of memory.")),
    ],
)
def test_however_it_is_said(fault: Exception) -> None:
    with pytest.raises(EngineError) as caught, memory_faults(torch.device("mps"), "sampling"):
        raise fault
    assert caught.value.code is Code.OUT_OF_MEMORY
    assert caught.value.params == {"device": "mps", "stage": "sampling"}


@pytest.mark.parametrize("said", [CUDNN, CUBLAS, "GET was unable to find an engine to execute this computation"])
def test_what_may_mean_something_else_is_believed_where_the_card_is_full(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """A library that finds no memory for its handle says that it was not initialised; so does one without a driver."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for free, believed in ((2**26, True), (2**33, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda free=free: (free, 2**34))
        with pytest.raises(EngineError if believed else RuntimeError), memory_faults(torch.device("cuda"), "decoding"):
            raise RuntimeError(said)

    def lost() -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.cuda, "mem_get_info", lost)
    with pytest.raises(RuntimeError), memory_faults(torch.device("cuda"), "decoding"):
        raise RuntimeError(said)


@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: unspecified launch failure"),
        RuntimeError("out of resource: shared memory, Required: 131072, Hardware limit: 101376."),
        RuntimeError(CUBLAS),
        OSError(errno.ENOSPC, "No space left on device", "/out of memory/frame.png"),
        EngineError(Code.INTERNAL, detail="it says: out of memory"),
        ValueError("3 channels, not 4"),
    ],
)
def test_what_is_no_lack_of_memory_passes_through(fault: Exception) -> None:
    with pytest.raises(type(fault)) as caught, memory_faults(torch.device("cpu"), "sampling"):
        raise fault
    assert caught.value is fault


@pytest.mark.parametrize(
    "fault",
    [
        SafetensorError("Error while deserializing header: IO error: Cannot allocate memory (os error 12)"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 26 bytes."),
    ],
)
def test_a_model_that_finds_no_memory_is_not_damaged(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def load(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(AutoencoderKLHunyuanVideo, "from_pretrained", load)
    with pytest.raises(EngineError) as caught:
        load_network(AutoencoderKLHunyuanVideo, TINY / "vae", torch.float32, torch.device("cpu"))
    assert caught.value.code is Code.OUT_OF_MEMORY
    assert caught.value.params["stage"] == "loading the vae"


def test_a_network_that_does_not_fit_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("MPS backend out of memory (MPS allocated: 17.95 GB).")

    monkeypatch.setattr(AutoencoderKLHunyuanVideo, "to", full)
    with pytest.raises(EngineError) as caught:
        load_network(AutoencoderKLHunyuanVideo, TINY / "vae", torch.float32, torch.device("cpu"))
    assert caught.value.code is Code.OUT_OF_MEMORY


class Weights:
    """Stands for a network: notes where it was sent, and finds no room where it is told so."""

    def __init__(self, *, full: bool = False) -> None:
        self.where = ["cuda"]
        self._full = full

    def to(self, device: torch.device | str) -> None:
        if self._full and torch.device(device).type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.where.append(torch.device(device).type)


def on_a_card(placement: Placement, loading: Callable[[str], None] = lambda _: None, **kept: Weights) -> Networks:
    networks = Networks({}, torch.device("cuda"), placement, loading)
    networks._kept.update(kept)
    return networks


def test_weights_that_do_not_all_come_back_are_let_go() -> None:
    """Half a model on the card is of no use, and in the way of the next."""
    vae, transformer = Weights(), Weights(full=True)
    networks = on_a_card(ALL_KEPT, vae=vae, transformer=transformer)
    networks.move(torch.device("cpu"))
    with pytest.raises(torch.OutOfMemoryError):
        networks.move(torch.device("cuda"))
    assert networks._kept == {}


def test_the_network_at_work_comes_back_where_it_was() -> None:
    """A section that is parked in its middle holds its transformer, also where networks take turns."""
    turns = Placement(Stay.IN_TURN, Stay.IN_TURN, Stay.IN_TURN)
    vae, transformer = Weights(), Weights()
    said: list[str] = []
    networks = on_a_card(turns, said.append, vae=vae, transformer=transformer)
    networks.network("transformer", None, torch.float32)
    assert said == ["sampling"], "a step may take much longer than loading: whoever watches must know which it is"
    assert vae.where[-1] == "cpu"
    networks.move(torch.device("cpu"))
    assert transformer.where[-1] == "cpu"
    networks.move(torch.device("cuda"))
    assert (transformer.where[-1], vae.where[-1]) == ("cuda", "cpu")


def test_the_cpu_says_it_in_words() -> None:
    """torch has no class for it: whatever its words are today, they must be understood."""
    with pytest.raises(EngineError) as caught, memory_faults(torch.device("cpu"), "sampling"):
        torch.empty(2**50, dtype=torch.uint8)
    assert caught.value.code is Code.OUT_OF_MEMORY


def test_other_faults_pass_through() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory_faults(torch.device("cpu"), "sampling"):
        torch.zeros(3).reshape(2)


def test_space_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new shot is refused where it would not fit; one that is resumed has taken its space and is let through."""
    make(tmp_path / "shot")
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(EngineError) as caught:
        make(tmp_path / "another")
    assert caught.value.code is Code.DISK_SHORT
    assert not (tmp_path / "another").exists()
    assert make(tmp_path / "shot", resume=True)[-1].event == "finished"
