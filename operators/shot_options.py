"""What a shot can start from, how long it can be and how it can be made, as Blender's menus list it."""

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
ORDERS = (
    ("AUTO", "Model's Own", "The order that the model is best at"),
    ("inverted", "Last First", "The last section first, toward the board: least drift"),
    ("forward", "First First", "The first section first: see the beginning at once"),
    ("endpoint", "Both Ends First", "First and last section, then the gap"),
)
PACKINGS = (
    ("AUTO", "Model's Own", "What the model is best at"),
    ("time", "Newest Frames", "The frames next to the ones that are made; what lies farther away is forgotten"),
    (
        "similarity",
        "Most Like What Comes",
        "The frames that are most like what comes, however far away: for a camera that comes back to what it left",
    ),
    ("hybrid", "Both", "The newest frames, and of those farther away the ones that are most like what comes"),
)
"""What the paper calls packing, by what an artist sees of it."""
RATES = (
    ("CONFORM", "Keep Speed", "Made at the model's frame rate and resampled to the scene's: motion keeps its speed"),
    ("FRAMES", "Frame for Frame", "The model's frames as they are: motion is slower at a lower frame rate"),
)
BETWEENS = (
    ("NEAREST", "Nearest", "The model's frame that is nearest: some are left out, or shown twice"),
    ("FLOW", "Flow", "Made of both, along what moves from one to the other (optical flow)"),
    ("MOTION", "Motion", "Made of both, along the motion of blocks: coarser, and nothing has to be installed for it"),
)
SPEEDS = (
    ("exact", "Exact", "Every step is computed: the model at its best"),
    ("balanced", "Balanced", "Steps that change little are skipped: about twice as fast, nearly the same picture"),
    ("fast", "Fast", "More steps are skipped: for trying out; details differ"),
)
ENGINES = (
    ("SCENE", "Scene's Engine", "Render the board as the scene is set up"),
    ("BLENDER_WORKBENCH", "Workbench", "Render the board fast, with Workbench"),
)
STORYBOARD_SHOTS = (
    (
        "STRIPS",
        "One Shot a Strip",
        "Each strip becomes a shot of its own, and between two there is a cut: right for pictures that are unlike each "
        "other",
    ),
    (
        "THROUGH",
        "One Through All",
        "All strips become one shot: each board is seen at its strip's start, what happens from there on is what its "
        "strip says, and the picture passes from one board to the next: right for pictures of one scene, and where the "
        "passage between unlike ones is wanted",
    ),
)
