"""A Blender that is killed, a render farm's that opens its file, and the artist's that does so in the end.

`test_killed` runs it with `film`, `farm`, `reopen`, and for a batch with `capture`, `batch`, `go_on`. Each says in
one JSON line on stdout when it has come to what the test waits for.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from tests.host.studio import ADDON, add_board, bpy, install, metas_of, new_file, of_role, part, step_until
from tests.patience import PATIENCE

FRAMES = 145
PANELS, LENGTH = 6, 37


def film(file: Path) -> None:
    """Begin a shot, save once its first section is there, and go on until killed."""
    scene = new_file()
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    add_board(scene, length=FRAMES)
    scene.shotpack.prompt = "w5 w2"
    bpy.ops.shotpack.generate()
    (meta,) = metas_of(scene)
    step_until(lambda: of_role(meta, "section"))
    bpy.ops.wm.save_mainfile()
    job = meta.shotpack.job
    tell(job=job, engine=part("operators.runtime").client._engine.ready["pid"])
    while True:
        part("operators.runtime").step()
        time.sleep(0.02)


def farm(file: Path) -> None:
    """Open the file, as `blender -b file.blend -f 1` does, render a frame and save."""
    runtime = part("operators.runtime")
    before = everything(file.parent)
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene = bpy.context.scene
    scene.render.filepath = str(file.parent / "rendered.png")
    bpy.ops.render.render(write_still=True)
    if runtime.client is not None:  # it takes a moment
        step_until(lambda: runtime.client.state != "starting")
    (meta,) = metas_of(scene)
    roles, directories = [each.shotpack.role for each in meta.strips], {each.directory for each in meta.strips}
    bpy.ops.wm.save_mainfile()
    tell(
        new=sorted(everything(file.parent) - before),
        client=runtime.client is not None,
        engine=(part("operators.settings").home() / "engine.json").exists(),
        state=meta.shotpack.state,
        roles=roles,
        directories=sorted(directories),
        timers=[name for name in ("_tick", "_first") if registered(getattr(runtime, name, None))],
    )


def registered(timer: object) -> bool:
    return timer is not None and bpy.app.timers.is_registered(timer)


def everything(place: Path) -> set[str]:
    """Every file beside the .blend, in the user folder and in the engine's home, but Blender's own."""
    return {str(path.relative_to(place)) for path in place.rglob("*") if "dist-" not in str(path)}


def reopen(file: Path) -> None:
    """Open the file, as an artist would, and let the shot come to its end."""
    part("operators.runtime").the_client()  # as in a Blender with a window, where somebody may press a button
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene = bpy.context.scene
    (meta,) = metas_of(scene)
    step_until(lambda: meta.shotpack.state == "finished")
    frames = part("operators.shot_strips").pictures(meta)
    tell(
        job=meta.shotpack.job,
        roles=[strip.shotpack.role for strip in meta.strips],
        frames=len(frames),
        missing=[str(path) for path in frames if not path.is_file()],
        span=[meta.frame_final_start, meta.frame_final_end],
    )
    engine = part("operators.runtime").client._engine
    bpy.ops.preferences.addon_disable(module=ADDON)
    engine.process.wait(PATIENCE)


def capture(file: Path) -> None:
    """Begin to capture a storyboard's boards, and go no further: two are there, and the third one's render hangs."""
    scene = new_file()
    for number in range(PANELS):
        strip = add_board(scene, start=1 + number * LENGTH, length=LENGTH, name=f"Panel {number + 1}")
        strip.shotpack_board.prompt = f"w{number} w2"
        strip.select = False
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    animate, render = part("operators.animate"), part("operators.render_clip")
    still = render.still

    def hanging(film: object, picture: Path) -> None:
        still(film, picture)
        if len(list((file.parent / "shots").iterdir())) == 3:
            tell()
            time.sleep(PATIENCE)

    render.still = hanging
    run = animate.Run(bpy.context, animate.strips_of(scene))
    while run.step(bpy.context):
        pass


def batch(file: Path) -> None:
    """Animate the storyboard; three shots are taken in, the fourth one's answer never comes, the rest is not sent."""
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene, calls, module = bpy.context.scene, [], part("engine.client.engine_client")
    queue = module.queue

    def stalled(connection: object, shot: object) -> dict[str, object]:
        job = queue(connection, shot)
        calls.append(job["id"])
        if len(calls) == 4:
            time.sleep(PATIENCE)
        return job

    module.queue = stalled
    bpy.ops.shotpack.animate()
    runtime = part("operators.runtime")
    step_until(lambda: len(calls) == 4 and sum(bool(meta.shotpack.job) for meta in metas_of(scene)) == 3)
    bpy.ops.wm.save_mainfile()
    tell(
        jobs=calls,
        engine=runtime.client._engine.ready["pid"],
        folders=sorted(path.name for path in (file.parent / "shots").iterdir()),
        marks=sorted(str(path) for path in (file.parent / "shots").rglob(".*")),
    )
    while True:
        runtime.step()
        time.sleep(0.02)


def go_on(file: Path) -> None:
    """Open the file, wait for what was sent, send the rest when asked, and have the engine killed then."""
    runtime, adoption, batches = part("operators.runtime"), part("operators.adoption"), part("operators.batches")
    client = runtime.the_client()
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene = bpy.context.scene
    metas = metas_of(scene)
    step_until(lambda: sum(meta.shotpack.state == "finished" for meta in metas) == 3)
    waiting = [meta.shotpack.board for meta in adoption.unsent(scene)]
    before = sorted(job["id"] for job in client._connection().jobs())
    bpy.ops.shotpack.send_unsent()
    step_until(lambda: all(meta.shotpack.job for meta in metas))
    os.kill(client._engine.process.pid, signal.SIGKILL)
    step_until(lambda: client.state == "ended")
    bpy.ops.shotpack.start_engine()
    step_until(lambda: all(meta.shotpack.state == "finished" for meta in metas) and not runtime._waiting)
    frames = [path for meta in metas for path in part("operators.shot_strips").pictures(meta)]
    progress = batches.progress(scene)
    tell(
        waiting=waiting,
        before=before,
        jobs=sorted(job["id"] for job in client._connection().jobs()),
        shown=sorted(meta.shotpack.job for meta in metas),
        made=[progress.made, progress.shots],
        frames=len({path for path in frames if path.is_file()}),
        folders=sorted(path.name for path in (file.parent / "shots").iterdir()),
    )
    engine = client._engine
    bpy.ops.preferences.addon_disable(module=ADDON)
    engine.process.wait(PATIENCE)


def tell(**news: object) -> None:
    """One line for the test."""
    print(json.dumps(news), flush=True)


if __name__ == "__main__":
    install()
    modes = {"film": film, "farm": farm, "reopen": reopen, "capture": capture, "batch": batch, "go_on": go_on}
    modes[sys.argv[1]](Path(sys.argv[2]))
