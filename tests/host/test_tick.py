"""What goes wrong in Blender's hands: the tick and the handlers outlive it, and one shot's trouble is no other's."""

from __future__ import annotations

import base64
import errno
import itertools
import types

import pytest

from tests.host.studio import FIXTURES, add_board, bpy, part, step_until
from tests.host.test_shot import frames_of, generate
from tests.host.test_trust import JOB, client, stamped, strip  # noqa: F401  `client` is a fixture


class Clock:
    """Time for the tick, which stands still until it is moved."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


@pytest.fixture
def followed(saved, tmp_path, monkeypatch):
    """Two shots that are followed by a client without an engine, and the records of both."""
    runtime = part("operators.runtime")
    runtime.forget()
    alone = runtime.EngineClient()
    monkeypatch.setattr(runtime, "client", alone)  # an engine that is there would say that it knows no such job
    shot_type, shots = part("engine.client.shot").Shot, []
    for name in ("one", "two"):
        shot = stamped(saved, tmp_path / "shots" / name, job=JOB, name=name)
        shots.append(shot_type(shot, name, tmp_path / "shots" / name, 37, JOB, strip(shot).shotpack.request))
        runtime.follow(shots[-1])
    yield shots
    alone.close()


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_shot_is_made_while_the_temporary_folder_is_full(saved, client, monkeypatch):  # noqa: F811
    refused, runtime = [], part("operators.runtime")
    monkeypatch.setattr(
        part("operators.previews").tempfile, "NamedTemporaryFile", lambda **_: refused.append(True) or no_room()
    )
    add_board(saved, length=37)
    shot = generate(saved).shotpack.shot
    step_until(lambda: runtime._tick() and strip(shot).shotpack.state == "finished")
    assert refused
    assert part("operators.previews").icon(shot) == 0
    assert all(path.is_file() for path in frames_of(strip(shot).strips[0]))


def test_small_pictures_of_shots_go_with_their_file(followed):
    previews, events = part("operators.previews"), part("engine.events")
    job = part("engine.client.session").Job(JOB, "running")
    job.preview = events.Preview(0, 1, base64.b64encode((FIXTURES / "board.png").read_bytes()).decode())
    previews.show(followed[0].id, job)
    (file,) = previews._files.values()
    assert file.is_file()
    board = previews.of_file(FIXTURES / "board.png")
    part("operators.runtime").forget()
    assert not file.exists()
    assert not previews._files
    assert previews.of_file(FIXTURES / "board.png") == board
    assert previews.icon(followed[0].id) == 0


def test_no_path_leads_from_one_drive_to_another(saved, tmp_path, monkeypatch):
    def other_drive(_path: str, **_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(bpy.path, "relpath", other_drive)
    shot = stamped(saved, tmp_path / "shots" / "panel-1")
    (placeholder,) = strip(shot).strips
    assert frames_of(placeholder) == [tmp_path / "shots" / "panel-1" / "board.png"]


def test_one_shots_trouble_is_its_own_and_is_tried_again_less_and_less_often(followed, monkeypatch):
    runtime, timeline, problems = (part(f"operators.{name}") for name in ("runtime", "timeline", "problems"))
    clock, reconcile, looked = Clock(), timeline.reconcile, []

    def broken(shot, *of):
        looked.append(shot.id)
        if shot.id == followed[0].id:
            raise ReferenceError("StructRNA of type MetaStrip has been removed")
        return reconcile(shot, *of)

    monkeypatch.setattr(runtime, "time", clock)
    monkeypatch.setattr(timeline, "reconcile", broken)
    for _ in range(3):
        runtime.step()
    assert looked == [shot.id for shot in followed]
    assert "has been removed" in problems.of_shot(followed[0], None).sentence
    assert "removed" not in str(problems.of_shot(followed[1], None))
    tries = []
    for _ in range(4000):
        clock.now += 0.1
        before = looked.count(followed[0].id)
        runtime.step()
        tries += [clock.now] * (looked.count(followed[0].id) - before)
    pauses = [round(then - before) for before, then in itertools.pairwise(tries)]
    assert pauses == [1, 2, 4, 8, 16, 32, *[60] * (len(pauses) - 6)]
    monkeypatch.setattr(timeline, "reconcile", reconcile)
    runtime.look_again()
    runtime.step()
    assert "removed" not in str(problems.of_shot(followed[0], None))


def test_a_desk_that_goes_wrong_is_asked_again(followed, monkeypatch):
    runtime, asked = part("operators.runtime"), []

    def wrong(_seconds: float) -> list:
        asked.append(True)
        raise KeyError("an event of a newer engine")

    monkeypatch.setattr(runtime.client, "poll", wrong)
    assert runtime._tick() > 0
    assert runtime._tick() > 0
    assert len(asked) == 2


@pytest.mark.parametrize("begun", ["will_render", "will_save"])
def test_what_blender_never_says_the_end_of_holds_up_nothing_for_ever(followed, begun, monkeypatch):
    runtime, handlers, asked = part("operators.runtime"), part("operators.handlers"), []
    monkeypatch.setattr(runtime.client, "poll", lambda _seconds: asked.append(True) or [])
    getattr(handlers, begun)(bpy.context.scene if begun == "will_render" else "")
    for _ in range(3):
        runtime.step()
    assert asked
    handlers.rendered(bpy.context.scene)


def test_a_render_that_ends_unheard_gives_the_device_back(followed, monkeypatch):
    runtime, handlers, parked = part("operators.runtime"), part("operators.handlers"), []
    monkeypatch.setattr(runtime.client, "park", parked.append)
    handlers.will_render(bpy.context.scene)
    assert parked == [True]
    runtime.step()
    assert parked == [True, False]
    handlers.rendered(bpy.context.scene)  # late
    assert parked == [True, False]
    with handlers.OwnRender():
        with handlers.OwnRender():
            pass
        handlers.will_render(bpy.context.scene)  # a board of ours, still
        handlers.rendered(bpy.context.scene)
    assert parked == [True, False]


def test_a_render_that_holds_others_ends_with_the_outermost(followed, monkeypatch):
    """A strip's scene is rendered within the timeline's render, and Blender tells of both."""
    runtime, handlers, parked = part("operators.runtime"), part("operators.handlers"), []
    monkeypatch.setattr(runtime.client, "park", parked.append)
    inner = bpy.data.scenes.new("Inner")
    seen = []
    for told in (handlers.will_render, handlers.will_render, handlers.rendered):
        told(inner)
    seen.append(parked[-1])
    for told in (handlers.will_render, handlers.rendered):  # the next frame
        told(inner)
    seen.append(parked[-1])
    handlers.rendered(inner)
    assert (seen, parked[-1]) == ([True, True], False)
    bpy.data.scenes.remove(inner)
    for told in (handlers.will_render, handlers.will_render):
        told(bpy.context.scene)  # neither end is told
    runtime.step()
    assert parked[-1] is False
    handlers.will_render(bpy.context.scene)
    assert parked[-1] is True
    handlers.rendered(bpy.context.scene)
    assert parked[-1] is False


def test_no_handler_ends_with_a_fault_of_ours(followed, monkeypatch, tmp_path):
    handlers = part("operators.handlers")
    for module, name in (("shot_folders", "move_beside"), ("shot_strips", "stamped")):
        monkeypatch.setattr(part(f"operators.{module}"), name, no_room)
    handlers.will_save(str(tmp_path / "again.blend"))
    handlers.opened("")
    handlers.undone(None)
    monkeypatch.undo()
    bpy.ops.wm.save_mainfile()


@pytest.mark.parametrize(("lasting", "again"), [(True, float), (False, type(None))])
def test_blender_never_sees_a_timer_raise(scene, monkeypatch, lasting, again):
    timers, known = part("operators.timers"), []
    register = lambda timer, **_: known.append(timer)  # noqa: E731
    fake = types.SimpleNamespace(is_registered=known.__contains__, register=register, unregister=known.remove)
    app = types.SimpleNamespace(background=False, timers=fake)
    monkeypatch.setattr(timers, "bpy", types.SimpleNamespace(app=app))
    timers.begin(no_room, 0.1, persistent=lasting)
    timers.begin(no_room, 0.1, persistent=lasting)
    (timer,) = known
    assert isinstance(timer(), again)
    timers.end(no_room)
    assert known == []


def test_a_scene_of_another_file_is_that_files_to_change(saved, tmp_path):
    shot = stamped(saved, tmp_path / "shots" / "panel-1", job=JOB)
    name = saved.name
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "film.blend"), link=True) as (_, wanted):
        wanted.scenes = [name]
    assert any(scene.library for scene in bpy.data.scenes)
    assert part("operators.shot_strips").find(shot) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("engine_unreachable", {"url": "http://studio:8188", "detail": "ConnectionError"}),
        ("refused", {"detail": "the engine answers 500", "status": 500}),  # it may have taken the shot in all the same
    ],
)
@pytest.mark.parametrize(("job", "label"), [(JOB, "Fetch Again"), ("", "Try Again")])
def test_the_button_does_something_where_the_engine_is_ready(saved, client, tmp_path, job, label, code, said):  # noqa: F811
    errors, shot_type = part("engine.errors"), part("engine.client.shot").Shot
    shot = shot_type("one", "one", tmp_path, 37, job, '{"boards": []}')
    shot.fault = errors.EngineError(errors.Code(code), **said)
    fix = part("operators.problems").of_shot(shot, None).fix
    assert (fix.operator, fix.label) == ("shotpack.fetch_again", label)


class Drawn:
    """A layout that keeps what is said and which buttons there are."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.buttons: list[str] = []

    def label(self, text: str = "", **_: object) -> None:
        self.said.append(text)

    def operator(self, name: str, **_: object) -> types.SimpleNamespace:
        self.buttons.append(name)
        return types.SimpleNamespace()

    def row(self, **_: object) -> Drawn:
        return self

    box = column = row

    def menu(self, *_: object, **__: object) -> None:
        pass

    def context_pointer_set(self, *_: object) -> None:
        pass

    @property
    def text(self) -> str:
        return " ".join(self.said)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ([{"client": "ours", "seconds_left": 20.0}, {"client": "x", "seconds_left": 1.0}], "while Blender renders"),
        ([{"client": "someone", "seconds_left": 20.0}], "another program"),
        ([{"client": "", "seconds_left": None}], "until somebody unparks it"),
        ([], ""),
        (None, ""),
    ],
)
def test_the_panel_says_that_the_engine_is_parked_and_by_whom(saved, client, monkeypatch, by, said):  # noqa: F811
    monkeypatch.setattr(client, "client", "ours", raising=False)
    monkeypatch.setattr(client, "about", {"workers": []} | ({} if by is None else {"parked_by": by}))
    drawn = Drawn()
    part("panels.engine")._draw_engine(drawn, bpy.context)
    assert ("Parked" in drawn.text) == bool(said)
    assert said in drawn.text


def test_the_panel_says_so_while_blender_renders(saved, followed, monkeypatch):
    runtime, handlers, drawn = part("operators.runtime"), part("operators.handlers"), Drawn()
    alone, looked, redrawn = runtime.client, [], []

    def poll(_seconds: float) -> list:
        alone.about = {"workers": [], "parked_by": [{"client": alone.client, "seconds_left": 20.0}]}
        alone.news = True
        return []

    monkeypatch.setattr(runtime, "_look_for_render", lambda: None)  # one that has a window runs beside the tick
    monkeypatch.setattr(alone, "poll", poll)
    monkeypatch.setattr(alone, "state", "ready")
    monkeypatch.setattr(part("operators.timeline"), "reconcile", lambda *_: looked.append(True))
    monkeypatch.setattr(runtime, "redraw", lambda: redrawn.append(True))
    handlers.will_render(bpy.context.scene)
    runtime.step()
    handlers.rendered(bpy.context.scene)
    assert (looked, redrawn) == ([], [True])
    part("panels.engine")._draw_engine(drawn, bpy.context)
    assert "while Blender renders" in drawn.text


def test_the_panel_says_what_was_never_sent_and_what_is_left_alone(saved, client, tmp_path):  # noqa: F811
    stamped(saved, tmp_path / "shots" / "panel-1")
    stamped(saved, tmp_path / "shots" / "panel-2", name="panel-2")
    elsewhere = stamped(saved, tmp_path.with_name("elsewhere") / "panel-3", name="panel-3")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    drawn = Drawn()
    part("panels.shots")._Shots.draw(types.SimpleNamespace(layout=drawn), bpy.context)
    assert "2 shots were never sent." in drawn.text
    assert drawn.buttons.count("shotpack.send_unsent") == 3  # all, and each
    assert str(tmp_path.with_name("elsewhere")) in drawn.text.replace(" ", "")
    assert drawn.buttons.count("shotpack.use_folder") == 1
    assert strip(elsewhere).shotpack.job == ""
