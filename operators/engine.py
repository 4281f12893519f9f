"""The engine from inside Blender: install, start, stop, and its log."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.engine_client import EngineState
from ..engine.client.install.environment import EnvironmentState, state_of
from ..engine.client.install.extras import FINISHING
from ..engine.client.install.installer import ExtraInstallation, Installation
from ..engine.errors import EngineError
from . import runtime, settings, timers

installation: Installation | None = None
"""The one that runs, or the last one that ran."""
_absent = False
"""Whether the installed environment was not there or out of date when `needs_install` looked last."""
_TICK = 0.25
MISSING = "The engine that makes shots is not installed yet."
"""What a grey button says where `missing`."""
FINISHING_MISSING = "What enlarges shots is not installed yet; it is about 150 MB to download."
"""What the press is told that would need it."""
FINISHING_COMES = "What enlarges shots is being installed; wait until it is there."
"""The same while it is installed."""
INSTALL_FIRST = "The engine is not installed yet; press Install Engine."
"""What a press is answered where it `needs_install`."""


def needs_install() -> bool:
    """Whether the engine's environment has to be made first. Looks at the disk: not for drawing."""
    global _absent
    _absent = state_of(settings.environment(), settings.requirements()) is not EnvironmentState.READY
    return missing()


def missing() -> bool:
    """What `needs_install` would say, by what it found when it looked last; panels draw by it."""
    chosen = settings.preferences()
    return _absent and not (chosen.remote or chosen.python)


def installing() -> bool:
    """Whether an installation runs, of the engine or of an addition."""
    return installation is not None and installation.result is None


def replacing() -> bool:
    """Whether the engine itself is being installed."""
    return installing() and addition() is None


def addition() -> ExtraInstallation | None:
    """The installation of something besides the engine that runs, or ran last."""
    return installation if isinstance(installation, ExtraInstallation) else None


def install_fault() -> EngineError | None:
    """Why the last installation failed, until an engine works: this one, or one of the artist's own."""
    result = installation.result if installation is not None and addition() is None else None
    chosen, client = settings.preferences(), runtime.client
    works = (client is not None and client.state is EngineState.READY) or bool(chosen.remote or chosen.python)
    return result.error if result is not None and not works else None


def why_no_addition() -> str | None:
    """The sentence that says why nothing can be added to the engine from here."""
    if installing():
        return "The engine is being installed." if replacing() else FINISHING_COMES
    if missing():
        return MISSING
    if settings.preferences().remote:
        return "The engine runs on another machine; install it there: pip install -r requirements/finishing.txt"
    if settings.preferences().python:
        return "The engine's Python is your own; install it there: pip install -r requirements/finishing.txt"
    return None


class SHOTPACK_OT_install_engine(bpy.types.Operator):  # noqa: N801
    """Install the engine's own Python with everything it needs; Blender's own is not touched"""

    bl_idname = "shotpack.install_engine"
    bl_label = "Install Engine"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        if installing():
            cls.poll_message_set("The engine is being installed.")
            return False
        return True

    def execute(self, _context: Any) -> set[str]:
        global installation
        runtime.the_client().stop()  # Windows cannot replace files that are in use
        installation = Installation(
            settings.environment(), settings.requirements(), Path(sys.executable), online=bpy.app.online_access
        )
        installation.start()
        timers.begin(_watch, _TICK, persistent=True)
        return {"FINISHED"}


class SHOTPACK_OT_install_finishing(bpy.types.Operator):  # noqa: N801
    """Add to the engine what enlarges finished shots and makes frames in between; nothing else of it changes"""

    bl_idname = "shotpack.install_finishing"
    bl_label = "Install Finishing"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        if (why := why_no_addition()) is not None:
            cls.poll_message_set(why)
        return why is None

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Say how much comes before anything does."""
        confirm = {"title": "Install Finishing", "message": FINISHING_MISSING, "confirm_text": "Install"}
        return set(context.window_manager.invoke_confirm(self, event, **confirm))

    def execute(self, _context: Any) -> set[str]:
        global installation
        installation = ExtraInstallation(
            settings.environment(),
            settings.requirements(),
            Path(sys.executable),
            FINISHING,
            online=bpy.app.online_access,
        )
        installation.start()
        timers.begin(_watch, _TICK, persistent=True)
        return {"FINISHED"}


class SHOTPACK_OT_cancel_install(bpy.types.Operator):  # noqa: N801
    """Stop installing; what is downloaded is kept for the next time"""

    bl_idname = "shotpack.cancel_install"
    bl_label = "Cancel Installation"

    def execute(self, _context: Any) -> set[str]:
        if installation is not None:
            installation.cancel()
        return {"FINISHED"}


class SHOTPACK_OT_allow_online(bpy.types.Operator):  # noqa: N801
    """Let Blender and its extensions use the network, as System > Network in the preferences does"""

    bl_idname = "shotpack.allow_online"
    bl_label = "Allow Online Access"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        if bpy.app.online_access_override:
            cls.poll_message_set("Blender was started offline or online by its command line.")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        context.preferences.system.use_online_access = True
        return {"FINISHED"}


class SHOTPACK_OT_copy_report(bpy.types.Operator):  # noqa: N801
    """Copy what happened during the installation, without your name and folders, for a bug report"""

    bl_idname = "shotpack.copy_report"
    bl_label = "Copy Report"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        return installation is not None

    def execute(self, context: Any) -> set[str]:
        if installation is not None:
            context.window_manager.clipboard = installation.report()
            self.report({"INFO"}, "The report is on the clipboard.")
        return {"FINISHED"}


class SHOTPACK_OT_start_engine(bpy.types.Operator):  # noqa: N801
    """Start the engine; shots that were being made go on"""

    bl_idname = "shotpack.start_engine"
    bl_label = "Start Engine"

    def execute(self, _context: Any) -> set[str]:
        if needs_install():
            self.report({"ERROR"}, INSTALL_FIRST)
            return {"CANCELLED"}
        client = runtime.the_client()
        if client.state is EngineState.AWAY:
            client.stop()
        runtime.wake()
        return {"FINISHED"}


class SHOTPACK_OT_stop_engine(bpy.types.Operator):  # noqa: N801
    """Stop the engine; its shots go on when it is started again"""

    bl_idname = "shotpack.stop_engine"
    bl_label = "Stop Engine"

    def execute(self, _context: Any) -> set[str]:
        runtime.the_client().stop()
        runtime.redraw()
        return {"FINISHED"}


class SHOTPACK_OT_open_log(bpy.types.Operator):  # noqa: N801
    """Show the engine's log in the program that this system opens such files with"""

    bl_idname = "shotpack.open_log"
    bl_label = "Show Engine's Log"

    def execute(self, _context: Any) -> set[str]:
        path = settings.home() / "logs" / "server.log"
        if not path.is_file():
            self.report({"WARNING"}, "The engine has written no log yet.")
            return {"CANCELLED"}
        # Not in Blender's text editor: what is loaded there is saved with the artist's file.
        if not _open(path):
            self.report({"WARNING"}, f"This system names no program for it; the engine's log is {path}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"The engine's log is {path}")  # a viewer that fails says so on the console alone
        return {"FINISHED"}


def _open(path: Path) -> bool:
    """Have the system show a file; whether there was something to ask for it."""
    if sys.platform not in ("win32", "darwin") and shutil.which("xdg-open") is None:
        return False
    try:
        return "FINISHED" in bpy.ops.wm.path_open(filepath=str(path))
    except RuntimeError:
        return False


def _watch() -> float | None:
    runtime.redraw()
    if installing():
        return _TICK
    needs_install()
    added = addition()
    if added is not None and added.result is not None and added.result.ok:
        runtime.the_client().stop()  # what it has it looks up when it starts; its shots go on then
        runtime.wake()
    return None


def attach() -> None:
    """Look soon whether the engine is there, so that the sidebar can offer to install it."""
    timers.begin(_look, 0.3)


def _look() -> None:
    needs_install()
    runtime.redraw()


def detach() -> None:
    """Leave nothing running."""
    timers.end(_watch, _look)
    if installing() and installation is not None:
        installation.cancel()
        installation.wait(3)


CLASSES = (
    SHOTPACK_OT_install_engine,
    SHOTPACK_OT_install_finishing,
    SHOTPACK_OT_cancel_install,
    SHOTPACK_OT_allow_online,
    SHOTPACK_OT_copy_report,
    SHOTPACK_OT_start_engine,
    SHOTPACK_OT_stop_engine,
    SHOTPACK_OT_open_log,
)
