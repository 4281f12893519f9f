"""From a code to what the artist reads: one sentence, one piece of advice, and where it can be a button that does it.

The sentence comes from the table that both sides share; the advice here speaks of Blender's buttons, where that table
speaks of the command line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..engine.client.engine_client import EngineState
from ..engine.client.session import Job
from ..engine.client.shot import FIRST_TAKE, Shot
from ..engine.errors import Code, EngineError, error_of
from . import chosen, runtime, settings


@dataclass(frozen=True)
class Fix:
    """A button: an operator's id, what it says, and whether it wants to know the shot."""

    operator: str
    label: str
    of_shot: bool = True


@dataclass(frozen=True)
class Problem:
    """What a panel shows of something that went wrong."""

    sentence: str
    advice: str
    fix: Fix | None = None


_RESUME = Fix("shotpack.resume", "Resume")
_AGAIN = Fix("shotpack.send_again", "Send Again")
_USE = Fix("shotpack.use_folder", "Use This Folder")
_FETCH = Fix("shotpack.fetch_again", "Fetch Again")
_TRY = Fix("shotpack.fetch_again", "Try Again")
_START = Fix("shotpack.start_engine", "Start Engine", of_shot=False)
_INSTALL = Fix("shotpack.install_engine", "Install Engine", of_shot=False)
_ONLINE = Fix("shotpack.allow_online", "Allow Online Access", of_shot=False)
_LOG = Fix("shotpack.open_log", "Open Log", of_shot=False)

_MAKE = Fix("shotpack.make_again", "Make Again")
_MAKE_ADVICE = "Make it again: as a shot of its own, above this one, by what the engine has now."

_CHOOSE = "Download it, or choose another under Advanced or in the preferences, then send the shot again."
_CHOOSE_ABLE = "Choose a model that can under Advanced and send the shot again, or generate it from something else."
_PLAN_ABLE = "Choose a model that can under Advanced and send the shot again; with any other it is made without them."
_TAKE_OUT = "Put it into the engine's LoRA folder or take it out under Advanced, then send the shot again."

_CHOSEN = (
    *(Code.MODEL_MISSING, Code.MODEL_NOT_INSTALLED, Code.MODEL_UNKNOWN, Code.MODEL_FOLDER_INVALID, Code.MODEL_DAMAGED),
    *(Code.LORA_UNKNOWN, Code.LORA_INVALID, Code.START_UNSUPPORTED, Code.CONDITION_UNSUPPORTED),
    Code.ENDPOINTS_UNSUPPORTED,
)
"""What is wrong with the model and the LoRAs that are chosen in the panel: sent again as it was, a shot fails again."""
_ONCE_MORE = "Send it again; if it is refused again, generate the shot anew."
_FIELDS = {
    "model": _CHOOSE,
    "loras": _TAKE_OUT,
    "boards": _CHOOSE_ABLE,
    "endpoints": _PLAN_ABLE,
    "conditions": _CHOOSE_ABLE,
}
"""The same by the field of the request that the engine refuses; without a number, `boards` is how the shot starts."""
_NUMBERED = re.compile(r"loras\..*|conditions\.\d+")
"""A LoRA or a guide that the model does not take is named by its number."""

_ADVICE: dict[Code, tuple[str, Fix | None]] = {
    Code.ENGINE_UNREACHABLE: ("Finished sections are kept; start it and the shots go on.", _START),
    Code.ENGINE_START_FAILED: ("Its log says more; installing it anew often helps.", _LOG),
    Code.OUT_OF_MEMORY: (
        "Close other programs, then resume; if that is not enough, generate it anew with a smaller model.",
        _RESUME,
    ),
    Code.DRIFTED: ("Resume to go on all the same, or set another seed under Advanced and generate it anew.", _RESUME),
    Code.WORKER_DIED: ("Finished sections are kept; resume with other programs closed.", _RESUME),
    Code.DISK_FULL: ("Free some space, then resume; finished sections are kept.", _RESUME),
    Code.DISK_SHORT: ("Free some space on that disk, and try again.", None),
    Code.REMOTE_OFFLINE: ("Allow online access, then start the engine.", _ONLINE),
    Code.INSTALL_OFFLINE: ("Allow online access, then install again.", _ONLINE),
    Code.FOLDER_UNWRITABLE: ("Make it writable, then fetch the frames again.", _FETCH),
    Code.FOLDER_UNTRUSTED: ("If you know it, let the shot use it; until then nothing there is touched.", _USE),
    Code.TAKE_IMPOSSIBLE: (_MAKE_ADVICE, _MAKE),
    Code.BAD_REQUEST: ("Generate the shot anew.", None),
    Code.NOT_SHOWN: ("It is tried again by itself; please report it if that lasts.", None),
    Code.START_UNSUPPORTED: (_CHOOSE_ABLE, _AGAIN),
    Code.CONDITION_UNSUPPORTED: (_CHOOSE_ABLE, _AGAIN),
    Code.ENDPOINTS_UNSUPPORTED: (_PLAN_ABLE, _AGAIN),
    Code.MODEL_MISSING: ("Choose or download a model in the preferences, then send the shot again.", _AGAIN),
    Code.MODEL_NOT_INSTALLED: (_CHOOSE, _AGAIN),
    Code.MODEL_UNKNOWN: (_CHOOSE, _AGAIN),
    Code.MODEL_FOLDER_INVALID: (_CHOOSE, _AGAIN),
    Code.MODEL_DAMAGED: (_CHOOSE, _AGAIN),
    Code.LORA_UNKNOWN: (_TAKE_OUT, _AGAIN),
    Code.LORA_INVALID: ("Take it out under Advanced, then send the shot again.", _AGAIN),
    Code.JOB_UNKNOWN: ("Send it again; the frames that were made stay in their folder.", _AGAIN),
    Code.INTERNAL: ("Please report it with the log; resuming may help.", _RESUME),
}

_PASSING: dict[Code, str] = {
    Code.ENGINE_UNREACHABLE: "The engine answers again, and it keeps the frames.",
    Code.DISK_FULL: "Free some space, then fetch the frames again; the engine keeps them.",
    Code.FOLDER_UNWRITABLE: "Make it writable, then fetch the frames again.",
    Code.INTERNAL: "Please report it with the log; fetching again may help.",
}
"""What keeps a shot from an engine that is ready, and what to do then."""


def of_shot(shot: Shot, job: Job | None) -> Problem | None:
    """What is wrong with a shot, if anything is."""
    fault = shot.fault or _failure(job)
    if fault is not None and fault.code is Code.RESUME_MISMATCH:
        name = str(fault.params.get("name", "model"))
        return Problem(f"It was made with another {name} than the engine has now.", _MAKE_ADVICE, _MAKE)
    found = _of_shot(shot, job)
    if shot.take != FIRST_TAKE and found is not None and found.fix is _AGAIN:
        # What another take goes on from stays where it is; and what cannot be gone on from, this take cannot be of.
        return Problem(found.sentence.replace("take.job: ", ""), _MAKE_ADVICE, _MAKE)
    return found


def _of_shot(shot: Shot, job: Job | None) -> Problem | None:
    if shot.id in runtime.troubles:
        return of_error(runtime.troubles[shot.id])
    if shot.fault is not None:
        again = _while_ready(shot, shot.fault)
        return again or of_error(shot.fault, _AGAIN if not shot.job else _RESUME)
    failure = _failure(job)
    return of_error(failure, _RESUME) if failure is not None else None


def _while_ready(shot: Shot, fault: EngineError) -> Problem | None:
    """What helps where the engine is there and a shot still is not: starting the engine, or resuming, does nothing."""
    if runtime.client is None or runtime.client.state is not EngineState.READY:
        return None
    # An engine that refuses because of a trouble of its own (5xx) may have taken the shot in all the same.
    code = Code.INTERNAL if fault.code is Code.REFUSED and int(fault.params.get("status", 0)) >= 500 else fault.code
    if code not in _PASSING:
        return None
    if not shot.job:
        return Problem(_sentence(fault.sentence), "It is sent as it was asked for; nothing is made twice.", _TRY)
    return Problem(_sentence(fault.sentence), _PASSING[code], _FETCH)


def of_engine() -> Problem | None:
    """What is wrong with the engine, if anything is."""
    client = runtime.client
    if client is None:
        return None
    if client.state is EngineState.AWAY:
        return Problem("The engine does not answer; it is being called again.", "Start it anew if that lasts.", _START)
    return of_error(client.fault, _START) if client.fault is not None else None


def of_error(error: EngineError, fix: Fix | None = None) -> Problem:
    """An error in words; `fix` is offered where its code names no other."""
    advice, named = _ADVICE.get(error.code, (_sentence(error.advice), None))
    if error.code is Code.ENGINE_START_FAILED and not error.params.get("log"):
        advice, named = _not_begun()
    if error.code is Code.REFUSED and error.params.get("status") == 422 and fix is _AGAIN:
        usual = chosen.EARLIER if chosen.is_earlier() else _ONCE_MORE
        advice = next((_FIELDS[field] for field in _refused(error)), usual)
    return Problem(_sentence(error.sentence), advice, named or fix)


def _not_begun() -> tuple[str, Fix | None]:
    """An engine that has written nothing has no log to look into: mostly, it was not there to be started."""
    named = settings.preferences()
    if named.python or named.engine_folder or named.home:
        return "Correct its path in the preferences, or leave it empty there: then it is Shotpack's own.", _START
    return "Install it anew.", _INSTALL


def of_the_choice(shot: Shot, job: Job | None) -> bool:
    """Whether the shot was refused for its model or its LoRAs: those that are chosen now are another matter."""
    fault = shot.fault or _failure(job)
    return fault is not None and (fault.code in _CHOSEN or bool(_refused(fault)))


def _failure(job: Job | None) -> EngineError | None:
    """What a job has failed of."""
    if job is None or job.failure is None or job.state != "failed":
        return None
    return error_of(job.failure.code, job.failure.detail)


def _refused(error: EngineError) -> list[str]:
    """Which of `_FIELDS` the engine has refused."""
    named = str(error.params.get("fields", "")).split() if error.code is Code.REFUSED else []
    of_them = {where.partition(".")[0] if _NUMBERED.fullmatch(where) else where for where in named}
    return [field for field in _FIELDS if field in of_them]


def _sentence(text: str) -> str:
    flat = " ".join(text.split())
    return f"{flat[:1].upper()}{flat[1:].rstrip('.;')}."
