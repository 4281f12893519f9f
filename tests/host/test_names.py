"""Names in other languages: those that Blender has for something else are looked up as ours."""

from __future__ import annotations

from tests.host.studio import ADDON, bpy, part

BLENDERS = {
    *("Action", "Amount", "Ease In and Out", "Easing", "Engine", "Exact", "Fast", "Move", "Pan Left"),
    *("Pan Right", "Roll Left", "Roll Right", "Speed"),
}
"""What Blender 5.2 itself says otherwise in German: Fast is inserting there, and Move is shifting."""


def named():
    """Each class of ours and each property of theirs, with its names and the context in which they are looked up."""
    for base in (bpy.types.PropertyGroup, bpy.types.Operator, bpy.types.Panel, bpy.types.AddonPreferences):
        for each in base.__subclasses__():
            rna = getattr(each, "bl_rna", None)
            if rna is None or not each.__module__.startswith(ADDON):
                continue
            if base is bpy.types.Operator:
                rna = getattr(bpy.ops.shotpack, each.bl_idname.split(".")[1]).get_rna_type()
            if base is bpy.types.Panel:
                yield {each.bl_label}, rna.translation_context
            for name in each.__annotations__:
                if (made := rna.properties.get(name)) is not None:
                    items = made.enum_items_static if made.type == "ENUM" else ()
                    yield {made.name, *(item.name for item in items)}, made.translation_context


def test_blender_s_own_words_do_not_come_before_ours(extension):
    found = list(named())
    context, german = part("operators.shot_options").CONTEXT, part("operators.translations").TABLES["de_DE"]
    assert {name for names, looked_up in found if looked_up == context for name in names} >= BLENDERS
    assert not {name for names, looked_up in found if looked_up != context for name in names & BLENDERS}
    ours = {name for names, looked_up in found if looked_up == context for name in names}
    assert not {name for name in ours if (context, name) not in german}, "they would be shown in English"


def test_sentences_are_looked_up_where_panels_look(extension):
    """An operator's name holds no number: what does is a label, also on a button."""
    german = part("operators.translations").TABLES["de_DE"]
    assert not [english for context, english in german if context == "Operator" and "{" in english]
