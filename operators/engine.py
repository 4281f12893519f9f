"""The engine from inside Blender: install, start, stop, and its log."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.engine_client import EngineState
from ..engine.client.install.environment import EnvironmentState, state_of
from ..engine.client.install.installer import Installation
from ..engine.errors import EngineError
from . import runtime, settings, timers

installation: Installation | None = None
"""The one that runs, or the last one that ran."""
_absent = False
"""Whether the installed environment was not there or out of date when `needs_install` looked last."""
_TICK = 0.25
MISSING = "The engine that makes shots is not installed yet."
"""What a grey button says where `missing`."""
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
    """Whether an installation runs."""
    return installation is not None and installation.result is None


def install_fault() -> EngineError | None:
    """Why the last installation failed, until an engine works: this one, or one of the artist's own."""
    result = installation.result if installation is not None else None
    chosen, client = settings.preferences(), runtime.client
    works = (client is not None and client.state is EngineState.READY) or bool(chosen.remote or chosen.python)
    return result.error if result is not None and not works else None


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
    SHOTPACK_OT_cancel_install,
    SHOTPACK_OT_allow_online,
    SHOTPACK_OT_copy_report,
    SHOTPACK_OT_start_engine,
    SHOTPACK_OT_stop_engine,
    SHOTPACK_OT_open_log,
)
