"""The words of a shot in Blender: what is said of them, the helper, the Text Editor, and words used again."""

from __future__ import annotations

import json
import types

import pytest

from tests.host.studio import add_board, bpy, metas_of, part
from tests.host.test_tick import Drawn

HARBOUR = "Slow pan to the left"


class Panel(Drawn):
    """A layout that also keeps what its buttons write."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[types.SimpleNamespace] = []

    def operator(self, name, **more):
        self.chosen.append(super().operator(name, **more))
        return self.chosen[-1]

    def menu(self, name, **_):
        self.buttons.append(name)

    def context_pointer_set(self, *_):
        pass

    def separator(self):
        pass


@pytest.fixture
def taught(scene, monkeypatch):
    """An engine that has told of Sketch, and of a model that reads free language."""
    folder = part("engine.models.folder").open_folder(part("engine.models.catalog")._SKETCH_FOLDER)
    client = types.SimpleNamespace(
        about={
            "models": ["sketch", "tiny"],
            "vocabularies": {"sketch": folder.facts.vocabulary},
            "prompt_tokens": {"sketch": 256, "tiny": 40},
        },
        shots={},
        state="ready",
    )
    monkeypatch.setattr(part("operators.runtime"), "client", client)
    scene.shotpack.model = "sketch"
    return scene


def drawn(scene, words, strip=None) -> Panel:
    panel = Panel()
    part("panels.prompt").draw_prompt(panel, scene, words, strip)
    return panel


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (HARBOUR, "Understood: pan left, slowly"),
        ("la camra recule lentment, on dcouvre la viile", "No camera move found: the picture will stand still."),
        ("She stands still. Static camera.", "Understood: the camera stands still"),
        ("the camera trucks left", "Did you mean 'pan left'?"),
        ("pan left, tilt up", "one move in a shot"),
        ("on the left a house, pan right", "'left' may turn the move elsewhere"),
        ("the lights go out", "'out' may stir the picture"),
        ("slowly, pan left quickly", "more than one speed"),
        ("rain " * 80, "stops reading before 'rain rain rain rain rain'"),
    ],
)
def test_the_panel_says_what_is_understood(taught, words, said):
    panel = drawn(taught, words)
    assert said in panel.text
    assert panel.buttons == ["shotpack.prompt_helper", "shotpack.edit_prompt_in_text_editor", "SHOTPACK_MT_prompts"]


def test_of_free_language_only_what_is_cut_is_said(taught):
    taught.shotpack.model = "tiny"
    assert drawn(taught, "the camera trucks left").text == ""
    assert "stops reading before 'last word'" in drawn(taught, "rain " * 40 + "last word").text


def test_no_prompt_and_no_engine_say_nothing(taught, monkeypatch):
    assert drawn(taught, "  ").text == ""
    monkeypatch.setattr(part("operators.runtime").client, "about", {})
    monkeypatch.setattr(part("operators.models"), "model_list", None)  # another test may have looked
    assert drawn(taught, HARBOUR).text == ""


def test_the_helper_writes_what_the_model_knows(taught):
    taught.shotpack.prompt = "before"
    helper = bpy.ops.shotpack.prompt_helper
    assert helper(subject="a boat", camera="pan left", speed="slowly", style="ink drawing") == {"FINISHED"}
    assert taught.shotpack.prompt == "A boat, the camera slowly pans left, ink drawing"
    assert helper(subject="", camera="NONE", style="", moves="NONE") == {"CANCELLED"}
    assert taught.shotpack.prompt == "A boat, the camera slowly pans left, ink drawing"
    assert helper(subject="a kite", moves="subject rises", speed="quickly", camera="NONE", style="") == {"FINISHED"}
    assert taught.shotpack.prompt == "A kite quickly moves up"
    taught.shotpack.model = "tiny"
    assert helper(subject="a girl", action="runs", secondary="her coat flutters", camera="crane up") == {"FINISHED"}
    assert taught.shotpack.prompt.startswith("A girl runs, her coat flutters, the camera")


def test_every_template_is_understood(taught):
    templates = part("operators.prompt_dialog").templates(taught)
    assert len(templates) > 5
    for template in templates:
        lines = part("operators.prompts").said_of(template, taught.shotpack)
        assert [icon for _, icon in lines] == ["CHECKMARK"], template
    taught.shotpack.model = "tiny"
    assert "walks toward the camera" in " ".join(part("operators.prompt_dialog").templates(taught))


def test_prompts_of_this_files_shots_are_offered_and_used_again(taught):
    strips = taught.sequence_editor.strips
    for number, request in enumerate((json.dumps({"prompt": "one"}), json.dumps({"prompt": 5}), "{", "[]", "")):
        meta = strips.new_meta(f"shot{number}", 2, 1 + 100 * number)
        meta.shotpack.shot, meta.shotpack.request = f"{number:032x}", request
    assert part("operators.prompts").history() == ("one",)
    panel = Panel()
    part("panels.prompt").SHOTPACK_MT_prompts.draw(
        types.SimpleNamespace(layout=panel, _draw=lambda *each: _menu(panel, *each)), bpy.context
    )
    assert panel.chosen[-1].prompt == "one"
    assert bpy.ops.shotpack.set_prompt(prompt="one") == {"FINISHED"}
    assert taught.shotpack.prompt == "one"
    assert len(metas_of(taught)) == 5


def _menu(panel, *each):
    part("panels.prompt").SHOTPACK_MT_prompts._draw(types.SimpleNamespace(layout=panel), *each)


def test_a_text_and_the_prompt_are_kept_in_step(taught):
    follow = part("operators.prompt_text").step
    taught.shotpack.prompt = HARBOUR
    assert bpy.ops.shotpack.edit_prompt_in_text_editor() == {"FINISHED"}
    text = part("operators.prompt_text").text_of(taught, "")
    assert text.as_string() == HARBOUR
    text.clear()
    text.write("Slow pan\nto the right")
    follow()
    assert taught.shotpack.prompt == "Slow pan to the right"
    assert text.as_string() == "Slow pan\nto the right"  # its lines are the artist's
    taught.shotpack.prompt = "tilt up"
    follow()
    assert text.as_string() == "tilt up"
    assert bpy.ops.shotpack.edit_prompt_in_text_editor() == {"FINISHED"}
    assert len([each for each in bpy.data.texts if each.get("shotpack_scene")]) == 1
    bpy.data.texts.remove(text)
    follow()
    assert taught.shotpack.prompt == "tilt up"


def test_a_strips_own_prompt_is_written(taught):
    strip = add_board(taught)
    owner = part("operators.prompts").owner
    assert owner(taught, "no such strip") == taught.shotpack
    assert owner(taught, strip.name) == strip.shotpack_board
    assert bpy.ops.shotpack.prompt_helper(strip=strip.name, camera="tilt up", subject="", style="") == {"FINISHED"}
    assert strip.shotpack_board.prompt == "The camera tilts up"
    assert bpy.ops.shotpack.edit_prompt_in_text_editor(strip=strip.name) == {"FINISHED"}
    text = part("operators.prompt_text").text_of(taught, strip.name)
    text.clear()
    text.write("tilt\ndown")
    part("operators.prompt_text").step()
    assert strip.shotpack_board.prompt == "tilt down"
    strip.name = "another"
    text.write(" again")
    part("operators.prompt_text").step()  # whose words these were is not known any more
    assert taught.shotpack.prompt == ""
