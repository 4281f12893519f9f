"""What the panels say and offer: advice that can be followed, and buttons that do what it says."""

from __future__ import annotations

import json
import types
from functools import partial

import pytest

from tests.host.studio import ADDON, bpy, configure, part
from tests.host.test_tick import Drawn, followed  # noqa: F401  `followed` is a fixture
from tests.host.test_trust import JOB, stamped, strip

ADVANCED = {"model": "other", "loras": [{"name": "haze", "weight": 0.5}]}


class Panel(Drawn):
    """A layout that keeps which of its buttons are grey as well."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled, self.grey = True, []

    def operator(self, name, **more):
        if not self.enabled:
            self.grey.append(name)
        return super().operator(name, **more)

    def row(self, *_, **__):
        inside = Panel()
        inside.said, inside.buttons, inside.grey = self.said, self.buttons, self.grey
        return inside

    box = column = split = row

    def menu(self, *_, **__):
        pass

    def prop_enum(self, *_, **__):
        pass

    def prop(self, *_, **__):
        pass

    def context_pointer_set(self, *_):
        pass

    def panel(self, *_, **__):
        return self, None

    def progress(self, text="", **_):
        self.said.append(text)

    def template_icon(self, *_, **__):
        pass


def drawn():
    panel = Panel()
    part("panels.shots")._Shots.draw(types.SimpleNamespace(layout=panel), bpy.context)
    return panel


def asleep(monkeypatch):
    """Nothing starts an engine."""
    monkeypatch.setattr(part("operators.runtime"), "wake", lambda: None)


def choose(scene):
    scene.shotpack.model = ADVANCED["model"]
    choice = scene.shotpack.lora_choices.add()
    choice.name, choice.weight = "haze", 0.5


def error(code, **said):
    errors = part("engine.errors")
    return errors.EngineError(errors.Code(code), **said)


def refused(*fields):
    return error("refused", detail="it is not here", status=422, problem="bad_request", fields=" ".join(fields))


CHOSEN = {
    "lora_invalid": {"lora": "ink", "detail": "it is for another model"},
    "lora_unknown": {"lora": "ink", "path": "/loras", "known": "haze"},
    "model_unknown": {"model": "tiny", "known": "other"},
    "model_not_installed": {"model": "tiny", "state": "not installed"},
    "model_missing": {"suggestion": "tiny"},
    "model_damaged": {"path": "/tiny", "detail": "it is short", "advice": "get it again"},
    "model_folder_invalid": {"path": "/tiny", "detail": "it is empty", "advice": "get it again"},
    "start_unsupported": {"start": "a clip", "allowed": "a board"},
    "condition_unsupported": {"kind": "guide"},
    "endpoints_unsupported": {},
}


@pytest.mark.parametrize("code", CHOSEN)
def test_a_shot_that_failed_for_its_model_or_lora_is_sent_again_with_those_that_are_chosen_now(
    saved,
    followed,  # noqa: F811
    monkeypatch,
    code,
):
    asleep(monkeypatch)
    shot, runtime = followed[0], part("operators.runtime")
    failure = part("engine.events").Failed(code, CHOSEN[code])
    job = part("engine.client.session").Job(JOB, "failed", failure=failure)
    monkeypatch.setattr(runtime.client, "job", lambda asked: job if asked.job else None)
    strip(shot.id).shotpack.state = "failed"
    panel = drawn()
    assert "send the shot again" in panel.text
    assert panel.buttons.count("shotpack.send_again") == 2  # both shots are of that job
    assert "shotpack.resume" not in panel.buttons  # it would fail again
    choose(saved)
    asked = json.loads(shot.request)
    assert bpy.ops.shotpack.send_again(shot=shot.id) == {"FINISHED"}
    again = runtime.shot_of(shot.id)
    assert json.loads(again.request) == asked | ADVANCED
    assert again.key != shot.key
    stamp = strip(shot.id).shotpack
    assert json.loads(stamp.request) == asked | ADVANCED  # a file that is closed now sends that, too


@pytest.mark.parametrize(
    "fields",
    [
        ("model",),
        ("loras.0.name",),
        ("loras",),
        ("boards",),
        ("name", "loras.3.weight"),
        ("endpoints",),
        ("conditions",),
        ("conditions.0",),
    ],
)
def test_a_shot_that_was_never_taken_in_is_sent_again_with_what_is_chosen_now(saved, followed, monkeypatch, fields):  # noqa: F811
    asleep(monkeypatch)
    shot = followed[0]
    shot.job, shot.fault = "", refused(*fields)
    assert "send the shot again" in drawn().text
    choose(saved)
    asked = json.loads(shot.request)
    assert bpy.ops.shotpack.send_again(shot=shot.id) == {"FINISHED"}
    assert json.loads(part("operators.runtime").shot_of(shot.id).request) == asked | ADVANCED


@pytest.mark.parametrize("field", ["steps", "boards.0.image", "endpoints.0", "conditions.0.strength", ""])
def test_a_shot_that_was_refused_for_something_else_is_sent_as_it_was_asked_for(saved, followed, monkeypatch, field):  # noqa: F811
    asleep(monkeypatch)
    shot = followed[0]
    shot.job, shot.fault = "", refused(field) if field else error("job_unknown", name="one")
    assert "again" in drawn().text
    choose(saved)
    assert bpy.ops.shotpack.send_again(shot=shot.id) == {"FINISHED"}
    assert part("operators.runtime").shot_of(shot.id).request == shot.request
    assert strip(shot.id).shotpack.request == shot.request


def test_an_undo_that_brings_the_old_request_back_loses_nothing(saved, followed, monkeypatch):  # noqa: F811
    asleep(monkeypatch)
    shot = followed[0]
    shot.job, shot.fault = "", refused("model")
    choose(saved)
    bpy.ops.shotpack.send_again(shot=shot.id)
    strip(shot.id).shotpack.request = shot.request  # as an undo would
    part("operators.timeline").reconcile(part("operators.runtime").shot_of(shot.id), None)
    assert json.loads(strip(shot.id).shotpack.request)["model"] == "other"


def test_out_of_memory_advises_what_there_is(scene):
    problem = part("operators.problems").of_error(error("out_of_memory", device="cuda:0", stage="decoding"))
    assert "size" not in problem.advice
    assert "smaller model" in problem.advice


@pytest.fixture
def kept(extension, monkeypatch):
    """What the preferences say under Keep Shots, by what the engine says of itself and what is set."""

    def said(about, state="ready", **chosen):
        monkeypatch.setattr(part("operators.runtime"), "client", types.SimpleNamespace(about=about, state=state))
        monkeypatch.setattr(part("panels.preferences"), "draw_models", lambda _layout: None)
        panel = Panel()
        wanted = {"memory": 0.0, "keep_days": 0, "keep_gigabytes": 0, "remote": ""} | chosen
        shown = types.SimpleNamespace(layout=panel, **wanted)
        part("panels.preferences").ShotpackPreferences.draw(shown, bpy.context)
        return panel.text.partition(" Engine on Another Machine")[0]

    return said


GB, MB = 2**30, 2**20
FOR_EVER = {"days": None, "bytes": None}
WEEK = "shots that ended more than 7 days ago go."
SOON = "From the engine's next start on: "


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 MB"), (9, "under 1 MB"), (7 * MB, "7 MB"), (GB - 9, "1.0 GB"), (1000 * MB, "1000 MB"), (3 * GB, "3.0 GB")],
)
def test_a_size_is_said_in_units_that_show_it(kept, size, said):
    text = kept({"disk": {"frames": size, "latents": 0, "total": size}})
    assert f" takes {said}: {said} frames, 0 MB to go on from" in text


@pytest.mark.parametrize(
    ("about", "chosen", "said"),
    [
        ({"keeps": FOR_EVER}, {}, "Now: shots are kept for ever."),
        ({"keeps": {"days": 7.0, "bytes": None}}, {"keep_days": 7}, f"Now: {WEEK}"),
        ({"keeps": FOR_EVER}, {"keep_days": 7}, f"Now: shots are kept for ever. {SOON}{WEEK}"),
        ({"keeps": FOR_EVER}, {"keep_days": 1}, f"{SOON}shots that ended more than 1 day ago go."),
        (
            {"keeps": {"days": 7.0, "bytes": 200 * GB}},
            {},
            "ago go; the oldest go while its data takes more than 200.0 GB. " + f"{SOON}shots are kept for ever.",
        ),
        # Another machine's engine has a rule of its own.
        ({"keeps": FOR_EVER}, {"keep_days": 7, "remote": "http://studio"}, "Now: shots are kept for ever."),
        # What one has said that has ended holds no more.
        ({"keeps": FOR_EVER}, {"keep_days": 7, "state": "ended"}, SOON + WEEK),
    ],
)
def test_what_goes_is_said_of_the_running_engine_and_of_the_next(kept, about, chosen, said):
    text = kept(about, **chosen)
    assert text.endswith(said)
    assert ("With 0 in both, shots are kept for ever." in text) == ("remote" not in chosen)
    assert (SOON in text) == (SOON in said)
    assert ("Now: " in text) == (chosen.get("state") != "ended")


def test_the_preferences_promise_nothing_that_blender_has_no_button_for(extension):
    properties = bpy.types.AddonPreferences.bl_rna_get_subclass_py("ShotpackPreferences").bl_rna.properties
    words = " ".join(f"{each.name} {each.description}" for each in properties).lower()
    assert "starred" not in words
    assert "cache" not in words
    assert properties["home"].name == "Engine Data Folder"


@pytest.mark.parametrize("typed", ["python", "engine_folder", "neither"])
def test_an_engine_that_is_not_there_sends_nobody_to_an_empty_log(extension, typed):
    preferences = bpy.context.preferences.addons[ADDON].preferences
    try:
        preferences.python = ""
        if typed != "neither":
            setattr(preferences, typed, "/typed/wrongly")
        problem = part("operators.problems").of_error(
            error("engine_start_failed", detail="there is no /typed/wrongly", log="")
        )
    finally:
        preferences.engine_folder = ""
        configure()
    assert "/typed/wrongly" in problem.sentence
    assert "log" not in problem.advice
    assert ("in the preferences" in problem.advice) == (typed != "neither")
    assert problem.fix.operator == ("shotpack.install_engine" if typed == "neither" else "shotpack.start_engine")
    told = part("operators.problems").of_error(error("engine_start_failed", detail="it ended", log="it is too old"))
    assert told.fix.operator == "shotpack.open_log"


@pytest.mark.parametrize("job", [JOB, ""])
def test_a_shot_on_no_timeline_can_be_taken_off_the_list(saved, followed, monkeypatch, job):  # noqa: F811
    runtime, shot_strips = part("operators.runtime"), part("operators.shot_strips")
    shot, began = followed[0], []
    meta = strip(shot.id)
    shot.job = meta.shotpack.job = job
    meta.shotpack.state = "failed" if job else "sending"
    shot.fault = error("engine_start_failed", detail="it is not there", log="")
    assert bpy.ops.shotpack.forget(shot=shot.id) == {"CANCELLED"}  # it has a strip
    bpy.ops.ed.undo_push(message="before")
    saved.sequence_editor.strips.remove(shot_strips.find(shot.id)[0])
    bpy.ops.ed.undo_push(message="Delete")
    panel = drawn()
    assert "one is not on the timeline" in panel.text
    assert panel.buttons.count("shotpack.forget") == 1
    files = sorted(shot.folder.iterdir())
    assert bpy.ops.shotpack.forget(shot=shot.id) == {"FINISHED"}
    assert "one is not on the timeline" not in drawn().text
    assert sorted(shot.folder.iterdir()) == files
    bpy.ops.ed.undo()
    # The strip is there again, and so is what can be done with it.
    monkeypatch.setattr(part("operators.timers"), "begin", lambda timer, *_, **__: began.append(timer))
    panel = drawn()
    if not job:
        assert "Never sent." in panel.text
        return
    for timer in began:
        timer()
    assert runtime.shot_of(shot.id).job == JOB
    assert strip(shot.id).shotpack.state == "failed"


def test_what_was_cancelled_before_it_was_sent_has_one_button_in_a_file_that_is_opened(saved, tmp_path, monkeypatch):
    asleep(monkeypatch)
    shot = stamped(saved, tmp_path / "shots" / "panel")
    strip(shot).shotpack.state = "cancelled"
    panel = drawn()
    assert "Never sent." in panel.text
    assert "shotpack.send_unsent" in panel.buttons
    assert not {"shotpack.resume", "shotpack.cancel"} & set(panel.buttons), "nothing is there to go on with, or to end"


def test_a_shot_that_is_being_made_or_sent_is_not_taken_off_the_list(saved, followed, monkeypatch):  # noqa: F811
    runtime, session = part("operators.runtime"), part("engine.client.session")
    monkeypatch.setattr(runtime.client, "job", lambda shot: session.Job(JOB, "running") if shot.job else None)
    followed[1].job = ""
    for shot in followed:
        saved.sequence_editor.strips.remove(strip(shot.id))
    panel = drawn()
    assert panel.text.count("is not on the timeline any more, but it is still being made.") == 2
    assert "shotpack.forget" not in panel.buttons
    assert panel.buttons.count("shotpack.cancel") == 2


@pytest.mark.parametrize(
    ("action", "said", "grey"),
    [
        ("cancel", "Stopping after this step", ["shotpack.pause", "shotpack.cancel"]),
        ("pause", "Pausing after this step", ["shotpack.pause"]),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_an_order_shows_at_once_and_its_button_is_grey(saved, followed, monkeypatch, action, said, grey, there):  # noqa: F811
    asleep(monkeypatch)
    runtime, job = part("operators.runtime"), part("engine.client.session").Job(JOB, "running")
    monkeypatch.setattr(runtime.client, "job", lambda shot: job if shot is followed[0] else None)
    runtime.client.state = "ready"
    saved.sequence_editor.strips.remove(strip(followed[1].id))
    assert said not in drawn().text
    assert drawn().grey == []
    assert getattr(bpy.ops.shotpack, action)(shot=followed[0].id) == {"FINISHED"}
    if not there:
        saved.sequence_editor.strips.remove(strip(followed[0].id))
        grey = ["shotpack.cancel"] if action == "cancel" else []
    panel = drawn()
    assert said in panel.text
    assert panel.grey == grey
    job.state = "cancelled" if action == "cancel" else "paused"
    followed[0].stands(job.state)
    panel = drawn()
    assert said not in panel.text
    # What is over keeps its place, so that nothing else comes under the cursor.
    assert panel.grey == (["shotpack.cancel"] if there and action == "cancel" else [])


def test_an_engine_that_is_off_says_what_waits_and_offers_no_pause(saved, followed, monkeypatch):  # noqa: F811
    runtime, job = part("operators.runtime"), part("engine.client.session").Job(JOB, "running")
    monkeypatch.setattr(runtime.client, "job", lambda shot: job if shot is followed[0] else None)
    panel = drawn()
    assert "the engine is off. Start it" in panel.text
    assert "shotpack.start_engine" in panel.buttons
    assert set(panel.grey) == {"shotpack.pause"}
    told = part("panels.engine")._words(runtime.client, "off")
    assert told == "The engine is off, and 2 shots wait for it."
    for shot in followed:
        strip(shot.id).shotpack.state = "finished"
    assert part("panels.engine")._words(runtime.client, "off").endswith("it starts with the next shot.")


def test_a_shot_is_removed_with_its_strips_its_files_and_its_job(saved, followed, monkeypatch):  # noqa: F811
    asleep(monkeypatch)
    runtime, shot_strips = part("operators.runtime"), part("operators.shot_strips")
    shot, other = followed
    (shot.folder / "0001.png").write_bytes(b"picture")
    assert bpy.ops.shotpack.remove_shot(shot=shot.id) == {"FINISHED"}
    assert shot_strips.find(shot.id) == []
    assert not shot.folder.exists()
    assert (other.folder.exists(), len(shot_strips.find(other.id))) == (True, 1)
    assert set(runtime.client.keeping._wanted) == {JOB}
    assert runtime.shot_of(shot.id) is None


DETAILS = {
    **{"title": "Tiny", "quality": "draft", "good_for": "", "starts": ["board"], "orders": ["forward"]},
    **{"sizes": [[256, 144], [144, 256]], "size_multiple": 16, "side_limits": [64, 1024], "native_fps": 30},
    **{"steps": 8, "guidance": 10.0, "negative": False, "first_frames": 1, "section_frames": 36},
    **{"latent_frames": 4, "boards_within": True},
}


def test_what_is_asked_for_is_what_the_model_has(saved, followed):  # noqa: F811
    chosen, client = part("operators.chosen"), part("operators.runtime").client
    wanted = saved.shotpack
    wanted.model, wanted.negative, wanted.order, wanted.size = "tiny", "fog", "endpoint", "144x256"
    assert chosen.asked(wanted)["order"] == "endpoint"  # nothing is known yet: the engine will say
    client.about = {"models": ["tiny"], "starts": {"tiny": ["board"]}, "details": {"tiny": DETAILS}}
    asked = chosen.asked(wanted)
    assert (asked["order"], asked["negative"]) == (None, "")
    assert (asked["width"], asked["height"]) == (144, 256)
    wanted.size = "512x288"  # another model's
    assert chosen.asked(wanted)["width"] is None
    client.about["details"]["tiny"] = DETAILS | {"negative": True, "orders": ["forward", "endpoint"]}
    assert (chosen.asked(wanted)["order"], chosen.asked(wanted)["negative"]) == ("endpoint", "fog")
    wanted.packing = "similarity"
    for packings, packing in (
        ([], None),
        (["hybrid"], None),
        (["time", "hybrid"], None),
        (["time", "similarity"],) * 2,
    ):
        trained = {"packings": packings, "planned_endpoints": False}
        client.about["details"]["tiny"] = DETAILS | {"trained": trained}
        assert chosen.asked(wanted)["packing"] == (packing and "similarity")
        assert chosen.packings_of(chosen.details_of("tiny")) == (packings if len(packings) > 1 else [])
    wanted.packing = "AUTO"
    assert chosen.asked(wanted)["packing"] is None
    saved.render.resolution_x, saved.render.resolution_y = 1080, 1920
    found = chosen.estimate_of(saved, 145, 30.0)
    assert (found.width, found.height, found.sections, found.seconds) == (144, 256, 4, None)
    bpy.ops.shotpack.roll_seed()
    assert wanted.seed > 0
    assert part("operators.start_sources").able("TEXT") == []


def test_a_shot_is_sent_again_as_chosen_now(saved, followed, monkeypatch, capfd):  # noqa: F811
    asleep(monkeypatch)
    shot = followed[0]
    saved.shotpack.seed, saved.shotpack.steps, saved.shotpack.model = 7, 3, "other"
    asked = json.loads(shot.request)
    assert bpy.ops.shotpack.send_again(shot=shot.id, chosen_now=True) == {"FINISHED"}
    again = json.loads(part("operators.runtime").shot_of(shot.id).request)
    assert again == asked | {"seed": 7, "steps": 3, "model": "other"}
    chosen, planned = part("operators.chosen"), json.dumps(asked | {"endpoints": [74], "order": "inverted"})
    request, left_out = chosen.put_into(planned, saved.shotpack)
    said = json.loads(request)
    assert (said["endpoints"], said["order"]) == ([74], "endpoint"), "of a model that nobody has told of"
    assert not left_out
    for able in (True, False):
        details = DETAILS | {"trained": {"packings": [], "planned_endpoints": able}}
        monkeypatch.setattr(
            chosen, "about", lambda details=details: {"models": ["other"], "details": {"other": details}}
        )
        request, left_out = chosen.put_into(planned, saved.shotpack)
        said = json.loads(request)
        assert (said.get("endpoints"), said.get("order")) == (([74], "endpoint") if able else (None, None))
        assert bool(left_out) != able
    part("operators.runtime").shot_of(shot.id).request = planned
    for press in (partial(bpy.ops.shotpack.send_again, chosen_now=True), bpy.ops.shotpack.make_again):
        capfd.readouterr()
        assert press(shot=shot.id) == {"FINISHED"}
        assert "The chosen model plans no endpoints; they were left out." in capfd.readouterr().out
        part("operators.runtime").shot_of(shot.id).request = planned


def test_shots_of_other_files_that_the_engine_makes_are_said(saved, followed, monkeypatch):  # noqa: F811
    runtime = part("operators.runtime")
    alone = runtime.client
    monkeypatch.setattr(alone, "state", "ready")

    def told(**jobs):
        alone.about = {"workers": [], "jobs": jobs}
        runtime._count_others(alone)
        panel = Panel()
        part("panels.engine")._draw_engine(panel, bpy.context)
        return panel.text

    assert "file" not in told(running=1, queued=1)  # these are this file's two
    assert "It makes 1 shot of another file." in told(running=1, queued=2, finished=9)
    assert "It makes 3 shots of other files." in told(running=1, queued=3, paused=1)
    runtime.forget()
    assert runtime.others == 0


def test_a_file_without_a_place_says_where_its_shots_lie(scene, tmp_path):
    stamped(scene, part("operators.settings").user_folder() / "shots" / "panel-1")
    assert "Until this file is saved" in drawn().text
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    assert "Until this file is saved" not in drawn().text


def test_whoever_sees_the_button_finds_an_engine_that_has_imported_its_libraries(scene, monkeypatch):
    runtime, early_start = part("operators.runtime"), part("operators.early_start")
    shot, calls = part("panels.shot"), []
    monkeypatch.setattr(runtime, "woken", False)
    monkeypatch.setattr(runtime, "wake", lambda: calls.append(True))
    monkeypatch.setattr(early_start, "_seen", False)
    monkeypatch.setattr(shot, "_draw_shot", lambda *_: None)
    early_start.look()
    assert not calls
    shot._Shot.draw(types.SimpleNamespace(layout=Panel()), bpy.context)
    assert not calls, "nothing is started while drawing"
    early_start.look()
    assert calls == [True]
