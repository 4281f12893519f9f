"""The panel that makes a shot: board, prompt, length, Generate, in the Sequencer's and the 3D viewport's sidebar."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import (
    camera_moves,
    early_start,
    generate,
    new_take,
    previews,
    prompts,
    sequencer,
    shot_options,
    shot_strips,
    start_sources,
    text_strips,
    view_transform,
)
from .camera import draw_camera
from .choices import draw_estimate, draw_missing_engine, draw_running, title_of_start
from .follow import draw_follow_camera, draw_follow_strip
from .prompt import draw_prompt
from .text import draw_text

_CATEGORY = "Shotpack"
_BOARD_SCALE = 3.5


class Sidebar:
    """Where all of Shotpack's panels are."""

    bl_region_type = "UI"
    bl_category = _CATEGORY


def _draw_shot(layout: Any, context: Any) -> None:
    scene = sequencer.scene_of(context)
    wanted = scene.shotpack
    layout.use_property_split = True
    layout.use_property_decorate = False
    _draw_source(layout, wanted)
    found, boards = generate.intent(context), None
    if wanted.source == "STRIP":
        boards = start_sources.boards(scene)
        if boards is not None and not isinstance(found, str) and found.followed is not None:
            boards = found.boards  # it does not end on what its camera does not see then
        if boards is None:
            _draw_other_sources(layout, context, wanted)
        else:
            _draw_boards(layout.box(), scene, boards)
            draw_camera(layout, context, scene, boards.start, ends=boards.end is not None)
    elif (strip := start_sources.strip_of(scene)) is not None:
        _draw_board(layout.box(), scene, strip)
    if wanted.source == "CAMERA":
        layout.prop(wanted, "camera_range")
        draw_follow_camera(layout, context, wanted, found)
    elif boards is not None and not camera_moves.goes_over(boards.start):  # no scene leads it then
        draw_follow_strip(layout, scene, wanted, boards, found)
    _draw_words(layout, scene, boards.place if boards is not None else None, found)
    _draw_length(layout, wanted, boards, found)
    column = layout.column(align=True)
    column.scale_y = 1.4
    if not draw_running(column):
        column.operator("shotpack.generate", icon="RENDER_ANIMATION", text=_button(found))
    if boards is not None and (shot := shot_strips.active(scene)) == boards.place and new_take.source_of(shot.shotpack):
        # Whoever selects a shot that is made may want it otherwise, and not another one that begins like it.
        column.operator("shotpack.new_take", text="New Take of the Shot …", icon="ADD").of = "SHOT"
    missing = draw_missing_engine(layout)
    if isinstance(found, str) and not missing:
        draw_text(layout, found, "INFO")
    elif wanted.source == "CLIP":
        words = bpy.app.translations.pgettext_iface("Begins at frame {frame}").format(frame=found.spot.start)
        layout.label(text=words, icon="FORWARD", translate=False)
    if not isinstance(found, str):
        draw_estimate(layout, scene, found.spot.length, found.fps)
    if boards is not None and boards.place.shotpack.shot:
        _draw_made_with(layout, boards.place.shotpack)
    view = scene.view_settings.view_transform
    # A strip's picture is taken before the view transform, and goes through it with the shot; others show it already.
    if wanted.source not in ("STRIP", "CLIP") and view not in view_transform.PLAIN_VIEWS:
        box = layout.box()
        draw_text(box, f"{view} changes the colours of boards and shots.", "ERROR")
        box.operator("shotpack.standard_view")


def _draw_source(layout: Any, wanted: Any) -> None:
    """What the shot begins with: of what no model here can begin with, only what is chosen already."""
    split = layout.split(factor=0.4)
    label = split.row()
    label.alignment = "RIGHT"
    label.label(text="Start From")
    name, icon = next((item[1], item[3]) for item in shot_options.SOURCES if item[0] == wanted.source)
    split.menu("SHOTPACK_MT_source", text=name, icon=icon)


class SHOTPACK_MT_source(bpy.types.Menu):  # noqa: N801
    """What the shot begins with"""

    bl_label = "Start From"

    def draw(self, context: Any) -> None:
        wanted = sequencer.scene_of(context).shotpack
        for name in start_sources.offered(wanted):
            row = self.layout.row()
            row.enabled = start_sources.unfit(wanted, name) is None
            row.prop_enum(wanted, "source", name, text=title_of_start(name, able=row.enabled))


def _draw_other_sources(layout: Any, context: Any, wanted: Any) -> None:
    """Where there is no strip to start from, what there is instead."""
    row = layout.row(align=True)
    row.prop_enum(wanted, "source", "VIEWPORT")
    if context.scene.camera is not None:
        row.prop_enum(wanted, "source", "CAMERA")


def _draw_boards(layout: Any, scene: Any, boards: start_sources.Boards) -> None:
    """Whose pictures the shot begins with and ends on; the earlier strip begins."""
    if boards.end is None:
        _draw_board(layout, scene, boards.start, playhead=start_sources.from_playhead(scene))
        return
    row = layout.row(align=True)
    for strip, role in zip(boards.strips, ("Begins", "Ends"), strict=True):
        column = row.column(align=True)
        column.label(text=role)
        _draw_board(column, scene, strip)
    layout.operator("shotpack.swap_boards", icon="ARROW_LEFTRIGHT", text="Swap")


def _draw_board(layout: Any, scene: Any, strip: Any, *, playhead: bool = False) -> None:
    layout = layout.row()  # below each other they would take half of a low sidebar: icons are squares
    picture = sequencer.picture_of(scene, strip)
    if picture is not None and picture.is_file():
        layout.template_icon(previews.of_file(picture), scale=_BOARD_SCALE)
    name = bpy.app.translations.pgettext_iface("From the playhead: {name}").format(name=strip.name)
    layout.label(text=name if playhead else strip.name, icon="SEQUENCE", translate=False)


def _draw_words(layout: Any, scene: Any, strip: Any | None, found: generate.Intent | str) -> None:
    """What happens in the shot: the strip's own words, and whose they are where it has none."""
    column = layout.column()
    column.use_property_split = False
    if not isinstance(found, str):
        words = found.words
    else:
        words = start_sources.words(scene, sequencer.span(strip), strip) if strip is not None else None
    if strip is not None:
        said = words.text if words is not None and words.source is not start_sources.WordSource.STRIP else ""
        column.prop(strip.shotpack_board, "prompt", text="", placeholder=said or "What happens in this strip's shot")
    if (
        strip is None
        or words is None
        or words.source in (start_sources.WordSource.SCENE, start_sources.WordSource.NONE)
    ):
        all_shots = "What happens in the shot" if strip is None else "In all shots without words of their own"
        column.prop(scene.shotpack, "prompt", text="", placeholder=all_shots)
    if (
        words is not None
        and words.source in _WORDS_FROM
        and (strip is not None or words.source != start_sources.WordSource.SCENE)
    ):
        said = bpy.app.translations.pgettext_iface(_WORDS_FROM[words.source]).format(name=words.name)
        draw_text(column, said, "INFO")
    if (
        strip is not None
        and not strip.shotpack_board.prompt
        and (text := text_strips.unheard(scene, strip)) is not None
    ):
        said = bpy.app.translations.pgettext_iface("Words from Text Strip '{name}'").format(name=text.name)
        button = column.operator("shotpack.use_text_strips", text=said, icon="TEXT", translate=False)
        button.channel = text.channel
    draw_prompt(column, scene, words.text if words is not None else scene.shotpack.prompt, strip)


_WORDS_FROM = {
    start_sources.WordSource.TEXT: "Words: text strip '{name}'",
    start_sources.WordSource.MARKER: "Words: marker '{name}'",
    start_sources.WordSource.SCENE: "Words: the scene's",
}


def _draw_length(layout: Any, wanted: Any, boards: start_sources.Boards | None, found: generate.Intent | str) -> None:
    """How long the shot is, and what the strip has of its own."""
    if wanted.source == "STRIP" and boards is None:
        return
    if wanted.source == "CAMERA" and wanted.camera_range:
        return  # the button says how long that is
    own = boards.place.shotpack_board if boards is not None else None
    column = layout.column()
    column.active = own is None or not own.frames
    column.prop(wanted, "length" if boards is not None else "other_length")
    if wanted.length == "FRAMES":
        column.prop(wanted, "frames")
    elif wanted.length == "SECONDS" or (wanted.length == "BOARD" and boards is None):
        column.prop(wanted, "seconds")
    if own is None or boards is None:
        return
    header, body = layout.panel("shotpack_strip", default_closed=not (own.frames or own.use_seed))
    header.label(text="This Strip's Own")
    if body is not None:
        body.prop(own, "frames")
        row = body.row(heading="Seed")
        row.prop(own, "use_seed", text="")
        part = row.row()
        part.active = own.use_seed
        part.prop(own, "seed", text="")


def _draw_made_with(layout: Any, stamp: Any) -> None:
    """The words that a shot was made with, which can be used again."""
    if prompt := prompts.prompt_of(stamp.request):
        box = layout.box()
        box.label(text="Made With")
        draw_text(box, prompt)
        box.operator("shotpack.use_again", icon="LOOP_BACK").shot = stamp.shot


def _button(found: generate.Intent | str) -> str:
    if isinstance(found, str):
        return "Generate"
    words = bpy.app.translations.pgettext_iface("Generate {frames} Frames ({seconds} s)")
    return str(words.format(frames=found.spot.length, seconds=f"{found.spot.length / found.fps:.1f}"))


class _Shot(Sidebar):
    bl_label = "Shot"

    def draw(self, context: Any) -> None:
        early_start.button_seen()
        _draw_shot(self.layout, context)


class SHOTPACK_PT_sequencer(_Shot, bpy.types.Panel):  # noqa: N801
    """Make a shot from a board."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_viewport(_Shot, bpy.types.Panel):  # noqa: N801
    """Make a shot from what is seen here."""

    bl_space_type = "VIEW_3D"


CLASSES = (SHOTPACK_MT_source, SHOTPACK_PT_sequencer, SHOTPACK_PT_viewport)
