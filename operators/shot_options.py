"""What a shot can start from and how long it can be, as Blender's menus list it."""

from __future__ import annotations

CONTEXT = "Shotpack"
"""The context of names that Blender uses for something else: its own translation would come before ours."""

SOURCES = (
    ("STRIP", "Strip", "The active strip, or the topmost one at the playhead", "SEQ_SEQUENCER", 0),
    ("RENDER", "Render Result", "The last render", "RENDER_RESULT", 1),
    (
        "CAMERA",
        "Camera",
        "What the scene's camera sees now, with the scene's light: it takes as long as a render",
        "CAMERA_DATA",
        2,
    ),
    (
        "VIEWPORT",
        "Viewport",
        "The 3D viewport as it looks now, at once; for the camera's view, look through it there",
        "VIEW3D",
        3,
    ),
    ("TEXT", "Words Alone", "No picture: the model draws the shot from what you write", "TEXT", 4),
    (
        "CLIP",
        "Go On from Strip",
        "What a movie, an image sequence or a finished shot shows before the playhead goes on in the shot, which lies "
        "at the playhead; with the playhead outside the strip all of it goes on, and the shot lies after its end",
        "FORWARD",
        5,
    ),
)
LENGTHS = (
    ("BOARD", "As the Board's Strip", "As long as the strip that the board is taken from"),
    ("SECONDS", "Seconds", "A length in seconds"),
    ("FRAMES", "Frames", "A length in frames of the scene"),
    ("NEXT", "To Next Strip or Marker", "As far as the next strip's start or marker, else the scene's end"),
    ("RANGE", "Scene's Range", "As long as the scene in this window, from its first frame to its last"),
    ("KEYS", "Camera's Keys", "As far as the last key of the camera, its parents and its constraints' targets"),
)
OTHER_LENGTHS = tuple((*item, number) for number, item in enumerate(LENGTHS) if item[0] != "BOARD")
"""Lengths of a shot that has no strip to be as long as."""
