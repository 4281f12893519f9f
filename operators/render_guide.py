"""Carries boards along a scene's surfaces: a program for a Blender without a window.

`blender --background --factory-startup --python render_guide.py -- FILM FOLDER` opens the .blend FILM, whose scene says
in its property `shotpack_guide` what is wanted (`Wanted`), and writes for each frame a picture into FOLDER, as
`0005.00.png`, and where it is true, as `0005.00-seen.png`. It imports nothing of the extension.

At a board's frame every vertex's place in the world is kept. At a later frame the same surfaces shine with these
places: so each pixel says where its surface point was at the board, also of what moves or bends meanwhile, and the
board's camera says where in the board that is, and whether it was in sight there.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import bpy
import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

WANTED = "shotpack_guide"
"""The property of the scene that is to be followed."""
CAMERA = "shotpack_camera"
"""A property beside it: the camera that is followed, where that is not the scene's at each frame."""
SIDES = (8, 4096)
"""The shortest and the longest side of a guide's pictures, in pixels."""
PROGRESS = "shotpack-guide"
"""How a line begins that says: picture, of, and the share of its pixels that a board shows."""
MATCH = "shotpack-match"
"""How a line begins that says: number of a board, from 1, and how well its edges lie on the scene's."""
LEFT_OUT = "shotpack-left-out"
"""How a line begins that names an object whose surface cannot be followed."""
_PICTURE = re.compile(r"[\w-]{1,40}\.png")
_NAME = re.compile(r"[0-9]{4,6}\.[0-9]{2}")
_SURFACES = {"MESH", "CURVE", "SURFACE", "FONT", "META"}
_UNSEEN = {"CAMERA", "LIGHT", "LIGHT_PROBE", "EMPTY", "LATTICE", "ARMATURE", "SPEAKER"}


@dataclass(frozen=True)
class Wanted:
    """What is asked for: sizes in pixels, frames of the scene, which may lie between two."""

    size: tuple[int, int]
    boards: tuple[tuple[str, float], ...]
    """Picture beside the film, and the frame at which the camera sees it; without a name it is blank."""
    frames: dict[str, float]
    """Name of each picture to make, and its frame."""
    trusted: bool = False
    """Whether the artist's session runs the file's scripts, and the Python in its drivers."""
    kept: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By the board's number from 0, a camera as it was when the picture was taken (`guide_stage.Stage.look`)."""
    checked: frozenset[int] = frozenset()
    """The boards of which is to be said how well they match, by their numbers from 0."""
    drawn: frozenset[int] = frozenset()
    """The boards that are drawn over the scene and no renders of it: their lines go with the forms that they are around
    (`guide_outlines.py`)."""


def wanted_of(scene: Any) -> Wanted:
    """Read and check the scene's property: the film may come with somebody's file. Raises ValueError."""
    said = json.loads(scene[WANTED])
    width, height = (int(side) for side in said["size"])
    boards = tuple((str(name), float(frame)) for name, frame in said["boards"])
    frames = {str(name): float(frame) for name, frame in said["frames"].items()}
    shortest, longest = SIDES
    if not (all(shortest <= side <= longest for side in (width, height)) and boards):
        raise ValueError(f"{width}x{height} with {len(boards)} boards is no guide")
    for name, pattern in [(name, _PICTURE) for name, _ in boards if name] + [(name, _NAME) for name in frames]:
        if pattern.fullmatch(name) is None:
            raise ValueError(f"{name!r} is not the name of a guide's picture")
    return Wanted(
        (width, height),
        boards,
        frames,
        trusted=said.get("trusted") is True,
        kept={int(number): dict(camera) for number, camera in said.get("kept", {}).items()},
        checked=frozenset(int(number) for number in said.get("checked", ())),
        drawn=frozenset(int(number) for number in said.get("drawn", ())),
    )


class Surfaces:
    """The scene's surfaces, frame by frame, as a film shows them."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.layer = scene.view_layers[0]
        self._own = scene.get(CAMERA)
        if self._own is not None and self._own.name not in scene.objects:
            scene.collection.objects.link(self._own)  # or nothing would move it
        self.left_out: set[str] = set()
        _beside("guide_visibility").show_what_renders(scene)

    @property
    def camera(self) -> Any:
        """The camera that is followed: markers may have switched the scene's."""
        return self._own or self.scene.camera

    def at(self, frame: float) -> None:
        """Go to a frame."""
        self.scene.frame_set(int(frame // 1), subframe=frame % 1)

    def each(self) -> Iterator[tuple[Any, Any, Array, Array]]:
        """What is there now: a lasting key, the evaluated object, its vertices (N, 3), its matrix (4, 4)."""
        for instance in self.layer.depsgraph.object_instances:
            source = instance.object
            if not instance.show_self or source.type in _UNSEEN or self._is_out_of_sight(source):
                continue
            if source.type not in _SURFACES:
                self.left_out.add(f"{source.name} ({source.type.replace('_', ' ').capitalize()})")
                continue
            mesh = source.data if source.type == "MESH" else source.to_mesh()
            if mesh is None:
                continue  # it has no surface: a curve without splines, or one whose nodes make instances alone
            places = np.empty(len(mesh.vertices) * 3, np.float32)
            mesh.vertices.foreach_get("co", places)
            parent = instance.parent.name_full if instance.is_instance else ""
            number = tuple(instance.persistent_id) if instance.is_instance else ()
            yield (parent, source.name_full, number), source, places.reshape(-1, 3), np.array(instance.matrix_world)

    def _is_out_of_sight(self, source: Any) -> bool:
        """Whether an object is there for its light and shadow alone, which Workbench does not know."""
        if self.scene.render.engine == "BLENDER_WORKBENCH":
            return False
        return not source.visible_camera or source.original.indirect_only_get(view_layer=self.layer)

    def places(self) -> dict[Any, Array]:
        """Where every vertex is in the world now."""
        with np.errstate(invalid="ignore"):  # some may be nowhere
            return {key: places @ matrix[:3, :3].T + matrix[:3, 3] for key, _, places, matrix in self.each()}


class Guide:
    """The boards of a scene, and what of them is seen at other frames."""

    def __init__(self, scene: Any, wanted: Wanted, pictures: Path, folder: Path) -> None:
        """`pictures` holds the boards; `folder` is for what is rendered on the way."""
        self.wanted = wanted
        self.write = _beside("guide_stage").write
        self.surfaces = Surfaces(scene)
        self._views, self._stage = _beside("guide_views"), _beside("guide_stage")
        self._looks: list[tuple[Any, dict[Any, Array]]] = []
        self.boards = []
        self.matches: dict[int, float | None] = {}
        """How well the edges of the boards that are to be checked lie on the scene's; None where there are too few."""
        for number, (picture, frame) in enumerate(wanted.boards):
            self.surfaces.at(frame)
            self._looks.append((self._stage.Stage(wanted.size, scene, folder), self.surfaces.places()))
            view = self._view(*self._looks[-1], wanted.kept.get(number))
            colours = self._stage.read(pictures / picture)[..., :3] if picture else np.full((2, 2, 3), 0.5)
            self.boards.append(self._views.Board(colours, view, _outlines if number in wanted.drawn else None))
            if number in wanted.checked:
                self.matches[number] = _beside("guide_match").match(colours, view)

    def at(self, frame: float) -> list[Any]:
        """What the scene's camera sees at a frame, by each board (`guide_views.View`)."""
        self.surfaces.at(frame)
        return [self._view(*look) for look in self._looks]

    def picture(self, frame: float) -> tuple[Array, Array]:
        """The boards as that frame shows them: colours (H, W, 3) 0 to 1, and where they are true (H, W)."""
        nearest = sorted(range(len(self.boards)), key=lambda board: abs(self.wanted.boards[board][1] - frame))
        joined: tuple[Array, Array] = self._views.joined(self.boards, self.at(frame), nearest)
        return joined

    def _view(self, stage: Any, home: dict[Any, Array], kept: dict[str, Any] | None = None) -> Any:
        eye = self._views.Eye(*stage.look(self.surfaces, kept), self.wanted.size)
        return self._views.View(eye, *stage.carried(self.surfaces, home))


def _outlines(colours: Array, view: Any) -> Any:
    """The outlines of a drawn board: its colours (H, W, 3) and its `guide_views.View`."""
    return _beside("guide_outlines").Outlines(colours, view, _beside("guide_relief").Relief)


def _beside(name: str) -> Any:
    """A module beside this one; a program of its own is no part of a package."""
    folder = str(Path(__file__).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def carry(film: str, folder: Path) -> None:
    """Make all pictures that the scene in the .blend `film` asks for, in `folder`."""
    scene, wanted = _opened(film, use_scripts=False)
    if wanted.trusted:
        scene, wanted = _opened(film, use_scripts=True)
    guide = Guide(scene, wanted, Path(film).parent, folder)
    for board, score in guide.matches.items():
        if score is not None:
            print(MATCH, board + 1, f"{score:.4f}", flush=True)
    for number, (name, frame) in enumerate(wanted.frames.items(), start=1):
        colours, seen = guide.picture(frame)
        guide.write(folder / f"{name}.png", colours)
        guide.write(folder / f"{name}-seen.png", np.dstack([seen] * 3))
        print(PROGRESS, number, len(wanted.frames), f"{seen.mean():.4f}", flush=True)
    for left in sorted(guide.surfaces.left_out):
        print(LEFT_OUT, left, flush=True)


def _opened(film: str, *, use_scripts: bool) -> tuple[Any, Wanted]:
    bpy.ops.wm.open_mainfile(filepath=film, use_scripts=use_scripts)
    # A scene of a library may say anything.
    (scene,) = (each for each in bpy.data.scenes if each.library is None and WANTED in each)
    return scene, wanted_of(scene)


if __name__ == "__main__":
    _film, _folder = sys.argv[sys.argv.index("--") + 1 :]
    carry(_film, Path(_folder))
