"""Every error the engine can give: a stable code, the sentence and the advice a person reads, and the exit code.

The wire carries `code` and `params` only; both sides build the text from this table, so a message reads the same on a
terminal and in Blender (which adds its fix buttons in `operators/problems.py`).

    EngineError
    ├── exit 2   what was asked for cannot be done: images, numbers, folders, schedules
    ├── exit 3   the model is missing, damaged or not yet agreed to
    ├── exit 4   out of memory
    ├── exit 5   stopped at a limit that the artist set
    └── exit 1   a fault of our own (`internal`)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Param = str | int | float


class Code(StrEnum):
    """Stable names of everything that can go wrong; part of the protocol, never renamed."""

    BAD_REQUEST = "bad_request"
    IMAGE_MISSING = "image_missing"
    IMAGE_IS_FOLDER = "image_is_folder"
    IMAGE_UNREADABLE = "image_unreadable"
    CLIP_MISSING = "clip_missing"
    CLIP_UNREADABLE = "clip_unreadable"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_TOO_LARGE = "image_too_large"
    BOARD_INVALID = "board_invalid"
    FRAMES_INVALID = "frames_invalid"
    NUMBER_INVALID = "number_invalid"
    SIZE_INVALID = "size_invalid"
    CHOICE_INVALID = "choice_invalid"
    SCHEDULE_INVALID = "schedule_invalid"
    SCHEDULE_UNSUPPORTED = "schedule_unsupported"
    START_UNSUPPORTED = "start_unsupported"
    CONDITION_UNSUPPORTED = "condition_unsupported"
    ENDPOINTS_UNSUPPORTED = "endpoints_unsupported"
    ENDPOINT_INVALID = "endpoint_invalid"
    GUIDE_INVALID = "guide_invalid"
    CACHE_UNSUPPORTED = "cache_unsupported"
    FOLDER_TAKEN = "folder_taken"
    FOLDER_BUSY = "folder_busy"
    FOLDER_UNWRITABLE = "folder_unwritable"
    FOLDER_UNTRUSTED = "folder_untrusted"
    SHOT_MISSING = "shot_missing"
    RESUME_MISMATCH = "resume_mismatch"
    TAKE_IMPOSSIBLE = "take_impossible"
    CHECKPOINT_DAMAGED = "checkpoint_damaged"
    DISK_FULL = "disk_full"
    DISK_SHORT = "disk_short"
    DEVICE_MISSING = "device_missing"
    MODEL_MISSING = "model_missing"
    MODEL_NOT_INSTALLED = "model_not_installed"
    MODEL_UNKNOWN = "model_unknown"
    MODEL_FOLDER_INVALID = "model_folder_invalid"
    MODEL_DAMAGED = "model_damaged"
    LORA_UNKNOWN = "lora_unknown"
    LORA_INVALID = "lora_invalid"
    UPSCALER_UNKNOWN = "upscaler_unknown"
    UPSCALER_INVALID = "upscaler_invalid"
    EXTRA_MISSING = "extra_missing"
    FINISH_IMPOSSIBLE = "finish_impossible"
    CONVERSION_IMPOSSIBLE = "conversion_impossible"
    LICENCE_NOT_ACCEPTED = "licence_not_accepted"
    OFFLINE = "offline"
    DOWNLOAD_FAILED = "download_failed"
    DRIFTED = "drifted"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_DIED = "worker_died"
    BIND_UNSAFE = "bind_unsafe"
    ENGINE_RUNNING = "engine_running"
    ENGINE_START_FAILED = "engine_start_failed"
    ENGINE_UNREACHABLE = "engine_unreachable"
    REMOTE_OFFLINE = "remote_offline"
    REQUESTS_BROKEN = "requests_broken"
    INSTALL_OFFLINE = "install_offline"
    INSTALL_FAILED = "install_failed"
    ADDITION_FAILED = "addition_failed"
    JOB_UNKNOWN = "job_unknown"
    REMAKE_IMPOSSIBLE = "remake_impossible"
    INSPECT_UNREADABLE = "inspect_unreadable"
    SIGNING_MISSING = "signing_missing"
    SIGNING_FAILED = "signing_failed"
    NOT_SHOWN = "not_shown"
    NOT_SENT = "not_sent"
    FILM_FAILED = "film_failed"
    REFUSED = "refused"
    INTERNAL = "internal"


@dataclass(frozen=True)
class Explanation:
    """How a code reads: `sentence` says what is wrong, `advice` what to do; both are `str.format` templates."""

    exit_code: int
    sentence: str
    advice: str
    usual: Mapping[str, Param] = field(default_factory=dict)
    """What stands for a name that is not given: an engine of an earlier release does not say it."""


EXPLANATIONS: dict[Code, Explanation] = {
    Code.BAD_REQUEST: Explanation(2, "The request is not valid: {detail}", "correct it and try again"),
    Code.IMAGE_MISSING: Explanation(2, "There is no image at {path}", "check the path"),
    Code.IMAGE_IS_FOLDER: Explanation(2, "{path} is a folder and no picture", "name one of the pictures in it"),
    Code.IMAGE_UNREADABLE: Explanation(
        2, "{path} cannot be read as an image ({detail})", "save it again as PNG or JPEG"
    ),
    Code.CLIP_MISSING: Explanation(2, "There is no movie and no folder at {path}", "check the path"),
    Code.CLIP_UNREADABLE: Explanation(
        2, "{path} cannot be read as a clip ({detail})", "save it again as MP4 in H.264, or as a folder of PNG pictures"
    ),
    Code.IMAGE_TOO_SMALL: Explanation(
        2, "{path} is {width}x{height} pixels, smaller than {minimum} on a side", "use a larger picture"
    ),
    Code.IMAGE_TOO_LARGE: Explanation(
        2, "{path} is {width}x{height} pixels, more than {maximum} on a side", "scale it down first"
    ),
    Code.BOARD_INVALID: Explanation(2, "The board at frame {frame} cannot be used: {detail}", "{advice}"),
    Code.FRAMES_INVALID: Explanation(2, "A shot of {frames} frames cannot be made", "ask for 1 to {maximum} frames"),
    Code.NUMBER_INVALID: Explanation(2, "{name} is {value}", "use {allowed}"),
    Code.SIZE_INVALID: Explanation(
        2,
        "{width}x{height} is not a size this model makes",
        "use multiples of {multiple} from {minimum} to {maximum}, such as {suggestion}",
    ),
    Code.CHOICE_INVALID: Explanation(2, "{name} cannot be '{value}'", "choose one of {allowed}"),
    Code.SCHEDULE_INVALID: Explanation(
        2, "'{schedule}' is not a packing schedule: {detail}", "write it like f1k1_x_g9_f1k1f2k2f16k4_td"
    ),
    Code.SCHEDULE_UNSUPPORTED: Explanation(
        2, "This model cannot pack by '{schedule}': {detail}", "use {suggestion}, which it was trained with"
    ),
    Code.START_UNSUPPORTED: Explanation(
        2,
        "This model cannot start a shot from {start}",
        "start it from {allowed}{others}",
        {"others": ", or use another model"},
    ),
    Code.CONDITION_UNSUPPORTED: Explanation(
        2, "This model cannot be led by a {kind}", "leave it out, or use a model that can"
    ),
    Code.ENDPOINTS_UNSUPPORTED: Explanation(
        2,
        "This model was not trained to fill the gaps between planned endpoints",
        "leave them out, or use a model that was, such as Sketch",
    ),
    Code.ENDPOINT_INVALID: Explanation(
        2, "The section at frame {frame} cannot be a planned endpoint: {detail}", "{advice}"
    ),
    Code.GUIDE_INVALID: Explanation(2, "The guide cannot be used: {detail}", "{advice}"),
    Code.CACHE_UNSUPPORTED: Explanation(2, "The step cache '{cache}' cannot be used: {detail}", "{advice}"),
    Code.FOLDER_TAKEN: Explanation(
        2,
        "{path} already holds a shot",
        "{advice}",
        {"advice": "pass --resume to go on with it, or choose another folder"},
    ),
    Code.FOLDER_BUSY: Explanation(
        2, "Another process is making the shot in {path}", "wait for it, or choose another folder"
    ),
    Code.FOLDER_UNWRITABLE: Explanation(
        2, "{path} cannot be written to ({detail})", "choose another folder or change its permissions"
    ),
    Code.FOLDER_UNTRUSTED: Explanation(
        2, "The file says that this shot's pictures lie in {path}", "use that folder only if you know it"
    ),
    Code.SHOT_MISSING: Explanation(
        2,
        "There is no shot in {path} that can be gone on with",
        "check --out, or begin one: say what it starts from, such as --image FILE",
    ),
    Code.RESUME_MISMATCH: Explanation(
        2,
        "The shot in {path} was made with another {name} ({was}, now {now})",
        "resume with the same settings, or start in a new folder",
    ),
    Code.TAKE_IMPOSSIBLE: Explanation(2, "The shot in {path} cannot be continued: {detail}", "{advice}"),
    Code.CHECKPOINT_DAMAGED: Explanation(
        2, "The checkpoint {path} is damaged ({detail})", "delete that file and resume; its section is made again"
    ),
    Code.DISK_FULL: Explanation(
        2, "The disk is full at {path}", "free some space, then resume or run it again; what is finished is kept"
    ),
    Code.DISK_SHORT: Explanation(
        2,
        "{path} has {free} free and {model} still needs {needed}",
        "free some space, or use a folder on a larger disk: by SHOTPACK_HOME for models, --out for a shot",
    ),
    Code.DEVICE_MISSING: Explanation(2, "There is no device '{device}' here", "use {available}"),
    Code.MODEL_MISSING: Explanation(
        3, "No model is installed", "run 'python -m engine models download {suggestion}', or pass --model FOLDER"
    ),
    Code.MODEL_NOT_INSTALLED: Explanation(
        3, "{model} is {state}", "run 'python -m engine models download {model}', or pass --model FOLDER"
    ),
    Code.MODEL_UNKNOWN: Explanation(
        3, "'{model}' is neither an installed model nor a model folder", "choose one of {known}, or pass a folder"
    ),
    Code.LORA_UNKNOWN: Explanation(
        3, "There is no LoRA '{lora}' here", "put {lora}.safetensors into {path}; there is {known}"
    ),
    Code.LORA_INVALID: Explanation(
        3, "The LoRA {lora} cannot be used: {detail}", "use one that was made for this model"
    ),
    Code.UPSCALER_UNKNOWN: Explanation(
        3, "There is no upscaler '{upscaler}' here", "put {upscaler}.safetensors into {path}; there is {known}"
    ),
    Code.UPSCALER_INVALID: Explanation(3, "The upscaler {upscaler} cannot be used: {detail}", "{advice}"),
    Code.EXTRA_MISSING: Explanation(3, "{what} needs packages that are not installed here", "run: {command}"),
    Code.FINISH_IMPOSSIBLE: Explanation(2, "{path} cannot be finished: {detail}", "{advice}"),
    Code.CONVERSION_IMPOSSIBLE: Explanation(3, "{path} cannot be converted: {detail}", "{advice}"),
    Code.MODEL_FOLDER_INVALID: Explanation(3, "{path} is not a model folder: {detail}", "{advice}"),
    Code.MODEL_DAMAGED: Explanation(3, "The model in {path} is damaged: {detail}", "{advice}"),
    Code.LICENCE_NOT_ACCEPTED: Explanation(
        3, "{model} comes under: {licences}", "read them, then add --accept-licence to agree"
    ),
    Code.OFFLINE: Explanation(
        3,
        "{model} is not on this machine and downloads are off",
        "{cure} to go online",
        {"cure": "drop --offline"},
    ),
    Code.DOWNLOAD_FAILED: Explanation(
        3, "The download of {file} stopped: {detail}", "run the same command again; it goes on where it stopped"
    ),
    Code.BIND_UNSAFE: Explanation(
        2,
        "{host} can be reached from other machines",
        "pass --token-file FILE with a secret of your own, or bind 127.0.0.1",
    ),
    Code.ENGINE_RUNNING: Explanation(
        2, "Another engine already serves {path}", "use that one (its address is in engine.json), or another --home"
    ),
    Code.ENGINE_START_FAILED: Explanation(1, "The engine did not start: {detail}", "look at the end of its log: {log}"),
    Code.ENGINE_UNREACHABLE: Explanation(
        1, "The engine at {url} cannot be reached ({detail})", "start it again, or check its address"
    ),
    Code.REMOTE_OFFLINE: Explanation(
        2,
        "The engine at {url} cannot be asked while Blender stays offline",
        "allow online access in Preferences > System > Network, or use the engine of this machine",
    ),
    Code.REQUESTS_BROKEN: Explanation(
        1,
        "The engine cannot be called because Python's library 'requests' does not load here ({detail})",
        "disable the extension that brought another one, and restart Blender",
    ),
    Code.INSTALL_OFFLINE: Explanation(
        2,
        "The engine cannot be installed while Blender stays offline",
        "allow online access in Preferences > System > Network",
    ),
    Code.INSTALL_FAILED: Explanation(1, "The engine could not be installed: {detail}", "{advice}"),
    Code.ADDITION_FAILED: Explanation(1, "The addition could not be installed: {detail}", "{advice}"),
    Code.JOB_UNKNOWN: Explanation(2, "The engine does not know {name} any more", "send it again, or remove it"),
    Code.REMAKE_IMPOSSIBLE: Explanation(2, "{name} cannot be made again: {detail}", "{advice}"),
    Code.INSPECT_UNREADABLE: Explanation(
        2, "{path} cannot be inspected: {detail}", "name a PNG picture, a movie or a shot's folder"
    ),
    Code.SIGNING_MISSING: Explanation(
        2,
        "What signs and checks signatures is not installed",
        "run 'pip install --require-hashes --no-deps --only-binary :all: -r {path}' in the engine's environment",
    ),
    Code.SIGNING_FAILED: Explanation(
        2,
        "The signature cannot be made or checked: {path}: {detail}",
        "give certificates in PEM, the signer's own first, and the key that goes with it",
    ),
    Code.NOT_SHOWN: Explanation(1, "The timeline cannot show this shot: {detail}", "please report it"),
    Code.NOT_SENT: Explanation(2, "{name} was cancelled before it was sent", "send it again"),
    Code.FILM_FAILED: Explanation(2, "The pictures of {path} could not be made: {detail}", "send it again"),
    Code.REFUSED: Explanation(2, "The engine refused: {detail}", "correct it and try again"),
    Code.WORKER_DIED: Explanation(
        4,
        "The worker that made this shot ended twice: it was {reason}",
        "resume it with other programs closed, or begin another at a smaller size; finished sections are kept",
    ),
    Code.DRIFTED: Explanation(
        5,
        "The shot was stopped where it drifts: {detail}",
        "resume it to go on all the same, or make it again with another seed; finished sections are kept",
    ),
    Code.OUT_OF_MEMORY: Explanation(
        4,
        "{device} ran out of memory while {stage}",
        "{advice}",
        {"advice": "close other programs, then --resume, or begin another shot with a smaller --size"},
    ),
    Code.INTERNAL: Explanation(1, "Something went wrong inside the engine: {detail}", "please report it with the log"),
}


class EngineError(Exception):
    """A fault with a stable code and the numbers and names that fill its sentence.

    `params` must hold every name the code's templates use and have nothing usual for; a missing one raises KeyError
    here, where the programmer sees it, and not later in front of the artist.
    """

    def __init__(self, code: Code, **params: Param) -> None:
        self.code = code
        self.params = params
        explanation = EXPLANATIONS[code]
        filled = {**explanation.usual, **params}
        self.sentence = explanation.sentence.format(**filled)
        self.advice = explanation.advice.format(**filled)
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """What is wrong and what to do, on one line."""
        return " ".join(f"{self.sentence}; {self.advice}.".split())

    @property
    def exit_code(self) -> int:
        """The exit code of the process that stops with this error (README, "Exit codes")."""
        return EXPLANATIONS[self.code].exit_code


def error_of(code: str, detail: Mapping[str, Param]) -> EngineError:
    """The error that a code and its numbers tell of; one of a newer engine's is shown as it came."""
    try:
        return EngineError(Code(code), **detail)
    except (ValueError, KeyError):
        told = ", ".join(f"{name} {value}" for name, value in detail.items())
        return EngineError(Code.INTERNAL, detail=f"{code} ({told})" if told else code)
