"""The guide's geometry against ray casts through the same scenes, and its pictures against true renders."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Vector
from mathutils.geometry import barycentric_transform

from engine.client import guide_frames
from tests.host.guide_scenes import FRAMES, SCENES
from tests.host.studio import ROOT

SIZE = (256, 144)
RAYS = 1500
PROGRAM = ROOT / "operators" / "render_guide.py"


def program() -> Any:
    """The program as a module, beside which it finds its other one."""
    spec = importlib.util.spec_from_file_location("render_guide", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["render_guide"] = module
    spec.loader.exec_module(module)
    return module


render_guide = program()
stage = render_guide._beside("guide_stage")
# What 6.0 is to do away with is a warning in 5.0, and has to be said in 4.5.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def render(scene: Any, frame: float, path: Path) -> np.ndarray:
    scene.frame_set(int(frame))
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.asarray(stage.read(path)[..., :3])


def guide_of(scene: Any, boards: tuple[int, ...], folder: Path) -> Any:
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    for frame in boards:
        render(scene, frame, folder / f"board-{frame}.png")
    wanted = render_guide.Wanted(SIZE, tuple((f"board-{frame}.png", float(frame)) for frame in boards), {})
    return render_guide.Guide(scene, wanted, folder, folder)


class Truth:
    """Where a pixel's surface point was at the board, and whether the board's camera saw it: by casting rays."""

    def __init__(self, scene: Any, board: int, eye: Any) -> None:
        self._scene = scene
        self._eye = eye
        self._board = board
        scene.frame_set(board)
        self._home = self._surfaces()

    def _surfaces(self) -> dict[str, tuple[np.ndarray, list[tuple[int, ...]]]]:
        """World places of every surface's vertices, and its faces; each object is there once."""
        graph, found = bpy.context.evaluated_depsgraph_get(), {}
        for instance in graph.object_instances:
            if instance.object.type == "MESH" and instance.show_self:
                mesh, matrix = instance.object.data, np.array(instance.matrix_world)
                places = np.array([vertex.co for vertex in mesh.vertices]) @ matrix[:3, :3].T + matrix[:3, 3]
                faces = [tuple(polygon.vertices) for polygon in mesh.polygons]
                found[instance.object.name] = (places, faces)
        return found

    def at(self, frame: int, view: Any, pixels: list[tuple[int, int]]) -> tuple[list[Any], list[bool | None]]:
        """For each pixel (row, column) its place at the board, and whether that was seen; None: nobody can tell."""
        self._scene.frame_set(frame)
        now, graph = self._surfaces(), bpy.context.evaluated_depsgraph_get()
        origin = Vector(view.eye.world[:3, 3])
        horizon = view.eye.horizon()
        points: list[tuple[Any, Any]] = []
        for pixel in pixels:
            direction = (Vector(horizon[pixel]) - origin).normalized()
            hit, place, face, obj = self._cast(graph, origin, direction)
            points.append(self._before(obj.name, face, place, now) if hit else (None, direction))
        self._scene.frame_set(self._board)
        graph = bpy.context.evaluated_depsgraph_get()
        eye = Vector(self._eye.world[:3, 3])
        places, seen = [], []
        for place, direction in points:
            target = eye + direction * 1e6 if place is None else place
            column, row, _, front = self._eye.project(np.array(target))
            inside = front and -0.5 < column < SIZE[0] - 0.5 and -0.5 < row < SIZE[1] - 0.5
            hit, first, *_ = self._cast(graph, eye, (target - eye).normalized())
            clear = not hit if place is None else hit and (first - place).length < 0.01 * (place - eye).length
            places.append(place)
            seen.append(bool(inside and clear))
        return places, seen

    def _cast(self, graph: Any, origin: Any, direction: Any) -> tuple[bool, Any, int, Any]:
        """What a ray hits first; rays know nothing of what a material cuts out."""
        while True:
            hit, place, _, face, obj, matrix = self._scene.ray_cast(graph, origin, direction)
            if not hit or "cut out" not in obj or (matrix.inverted() @ place).length < obj["cut out"]:
                return hit, place, face, obj
            origin = place + direction * 1e-4

    def _before(self, name: str, face: int, place: Any, now: dict[str, Any]) -> tuple[Any, Any]:
        """The same point of the same face at the board, by its weights among three corners."""
        (places, faces), (home, _) = now[name], self._home[name]
        corners = faces[face]
        best = min(
            ((corners[0], corners[n], corners[n + 1]) for n in range(1, len(corners) - 1)),
            key=lambda three: _outside(place, [Vector(places[each]) for each in three]),
        )
        source, target = ([Vector(each[corner]) for corner in best] for each in (places, home))
        return barycentric_transform(place, *source, *target), None


def _outside(place: Any, corners: list[Any]) -> float:
    whole = (corners[1] - corners[0]).cross(corners[2] - corners[0]).length
    parts = sum((corners[n] - place).cross(corners[(n + 1) % 3] - place).length for n in range(3))
    return float(parts - whole)


@pytest.mark.parametrize("name", SCENES)
def test_geometry_agrees_with_ray_casts(name: str, tmp_path: Path) -> None:
    """Before the silhouette margin 97 of 100 pixels; with it 0.5 are said to be seen and are hidden, at most."""
    SCENES[name]()
    scene = bpy.context.scene
    guide = guide_of(scene, (1,), tmp_path)
    board = guide.boards[0]
    truth = Truth(scene, 1, guide.at(1)[0].eye)
    chance = np.random.default_rng(1)
    agree = wrong = given_up = total = 0
    for frame in (19, FRAMES):
        (view,) = guide.at(frame)
        carried = board.seen_in(view)
        pixels = [
            (int(row), int(column))
            for row, column in zip(chance.integers(0, SIZE[1], RAYS), chance.integers(0, SIZE[0], RAYS), strict=True)
        ]
        places, seen = truth.at(frame, view, pixels)
        for pixel, place, clear in zip(pixels, places, seen, strict=True):
            total += 1
            agree += bool(carried.in_sight[pixel]) == clear
            wrong += bool(carried.seen[pixel]) and not clear
            given_up += bool(carried.in_sight[pixel]) and not carried.seen[pixel]
            if place is not None and carried.seen[pixel] and clear:
                assert (Vector(view.places[pixel]) - place).length < 0.02 * max(1.0, place.length)
    assert agree / total >= 0.97, f"{agree / total:.4f}"
    assert wrong / total < 0.005, f"{wrong / total:.4f}"
    assert given_up / total <= 0.10, f"{given_up / total:.4f}"


@pytest.fixture(scope="module")
def still_room(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """The static scene, a guide with one board and one with two, and their folder."""
    folder = tmp_path_factory.mktemp("room")
    SCENES["static"]()
    scene = bpy.context.scene
    return guide_of(scene, (1,), folder), guide_of(scene, (1, FRAMES), folder), folder


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((one - other) ** 2)))


def test_the_floor_is_where_a_ray_meets_it(still_room: tuple[Any, Any, Path]) -> None:
    """Ray and plane in float64: the board pixel is right within 0.01, whatever Blender's version renders it."""
    guide, _, _ = still_room
    (view,) = guide.at(37)
    eye = guide.at(1)[0].eye
    (view,) = guide.at(37)
    origin, ray = view.eye.world[:3, 3], view.eye.horizon() - view.eye.world[:3, 3]
    floor = view.there & (abs(view.places[..., 2]) < 1e-3)
    assert floor.mean() > 0.3
    met = origin + ray * (-origin[2] / ray[..., 2])[..., None]
    for found, wanted in zip(eye.project(view.places)[:2], eye.project(met)[:2], strict=True):
        away = abs(found - wanted)[floor]
        assert np.percentile(away, 99) < 0.01
        assert away.max() < 0.05


def test_what_is_seen_looks_as_the_scene_does_then(still_room: tuple[Any, Any, Path]) -> None:
    guide, _, folder = still_room
    truth = render(bpy.context.scene, 37, folder / "truth.png")
    colours, seen = guide.picture(37)
    assert psnr(colours[seen], truth[seen]) > 28
    assert psnr(colours[~seen], truth[~seen]) > 16
    frozen = stage.read(folder / "board-1.png")[..., :3]
    assert psnr(frozen[seen], truth[seen]) < 18, "the camera has moved"


def test_a_second_board_shows_more(still_room: tuple[Any, Any, Path]) -> None:
    one, two, folder = still_room
    truth = render(bpy.context.scene, 55, folder / "truth.png")
    (_, seen_by_one), (colours, seen) = one.picture(55), two.picture(55)
    assert seen.mean() > seen_by_one.mean() + 0.2
    assert (seen | ~seen_by_one).mean() > 0.99, "what the first one shows stays seen"
    assert psnr(colours[seen], truth[seen]) > 28


def test_frames_between_two_are_between_them(still_room: tuple[Any, Any, Path]) -> None:
    """The camera goes straight: half a frame later it is half way."""
    guide, _, _ = still_room
    places = [guide.at(frame)[0].eye.world[:3, 3] for frame in (20.0, 20.5, 21.0)]
    assert np.abs(places[1] - (places[0] + places[2]) / 2).max() < 1e-4


def test_a_board_s_edges_lie_where_the_scene_s_do(still_room: tuple[Any, Any, Path]) -> None:
    """The picture, painted over in several ways, and pictures of something else: told apart by one number."""
    guide, _, folder = still_room
    guide.surfaces.at(1)
    view = guide._view(*guide._looks[0])
    board, later = stage.read(folder / "board-1.png")[..., :3], render(bpy.context.scene, 55, folder / "later.png")
    match, least = render_guide._beside("guide_match").match, guide_frames._MATCHES
    painted = np.round(board * 3) / 3
    drawn = 1 - np.clip(8 * np.hypot(*np.gradient(board.mean(2))), 0, 1)
    styles = {"render": board, "painted": painted, "negative": 1 - board, "drawn": np.dstack([drawn] * 3)}
    assert {name: match(picture, view) > least for name, picture in styles.items()} == dict.fromkeys(styles, True)
    large = board.repeat(3, 0).repeat(3, 1)
    assert match(large, view) == pytest.approx(match(board, view), abs=0.05)
    others = {"later": later, "mirrored": board[:, ::-1], "grey": np.full_like(board, 0.5)}
    others |= {f"moved {by}": np.roll(board, by, 1) for by in (8, 16, 64)}
    assert {name: match(picture, view) < least for name, picture in others.items()} == dict.fromkeys(others, True)


def test_a_scene_without_edges_says_nothing_of_a_board(tmp_path: Path) -> None:
    SCENES["static"]()
    scene = bpy.context.scene
    for each in [each for each in scene.objects if each.type == "MESH" and each.name != "floor"]:
        bpy.data.objects.remove(each)
    scene.camera.rotation_euler = (0, 0, 0)
    scene.camera.animation_data_clear()
    guide = guide_of(scene, (1,), tmp_path)
    guide.surfaces.at(1)
    assert render_guide._beside("guide_match").match(np.zeros((*SIZE[::-1], 3)), guide._view(*guide._looks[0])) is None


def test_the_kept_camera_decides_what_a_board_shows(tmp_path: Path) -> None:
    """The camera is moved after the picture was taken: its present view shows the same places elsewhere."""
    SCENES["static"]()
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    render(scene, 1, tmp_path / "board-1.png")
    camera = scene.camera.evaluated_get(bpy.context.evaluated_depsgraph_get())
    world = [value for row in camera.matrix_world for value in row]
    kept = {"world": world, "lens": {name: getattr(camera.data, name) for name in stage.LENS}}
    scene.camera.delta_location.x, scene.camera.data.lens = 0.7, 32
    truth = render(scene, 1, tmp_path / "truth.png")
    found = []
    for cameras in ({0: kept}, {}):
        wanted = render_guide.Wanted(SIZE, (("board-1.png", 1.0),), {}, kept=cameras, checked=frozenset({0}))
        guide = render_guide.Guide(scene, wanted, tmp_path, tmp_path)
        colours, seen = guide.picture(1)
        found.append((psnr(colours[seen], truth[seen]), guide.matches[0] > guide_frames._MATCHES))
    (by_kept, matches), (by_present, still) = found
    assert by_kept > 26
    assert by_present < 20
    assert (matches, still) == (True, False)


def test_parallel_rays_and_a_sky_that_stays(tmp_path: Path) -> None:
    """An orthographic camera that slides: surfaces move across, by as much whatever their distance."""
    SCENES["static"]()
    scene = bpy.context.scene
    scene.camera.data.type, scene.camera.data.ortho_scale = "ORTHO", 14
    guide = guide_of(scene, (1,), tmp_path)
    truth = render(scene, 19, tmp_path / "truth.png")
    colours, seen = guide.picture(19)
    assert seen.mean() > 0.6
    assert psnr(colours[seen], truth[seen]) > 26


def test_the_program_makes_all_pictures_and_says_how_far_it_is(tmp_path: Path) -> None:
    SCENES["entering"]()
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 96, 54
    render(scene, 1, tmp_path / "board.png")
    hair = bpy.data.objects.new("locks", bpy.data.hair_curves.new("locks"))
    scene.collection.objects.link(hair)
    asked = {"size": [96, 54], "boards": [["board.png", 1]], "frames": {"0005.00": 5, "0009.50": 9.5}}
    scene[render_guide.WANTED] = json.dumps(asked)
    film, folder = tmp_path / "guide.blend", tmp_path / "made"
    folder.mkdir()
    bpy.data.libraries.write(str(film), {scene}, path_remap="ABSOLUTE")
    ended = subprocess.run([sys.executable, str(PROGRAM), "--", str(film), str(folder)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    told = [line.split() for line in ended.stdout.splitlines() if line.startswith("shotpack-")]
    assert [words[:3] for words in told[:2]] == [["shotpack-guide", "1", "2"], ["shotpack-guide", "2", "2"]]
    assert 0.5 < float(told[1][3]) < float(told[0][3]) < 1
    assert " ".join(told[2]) == "shotpack-left-out locks (Curves)"
    names = {path.name for path in folder.iterdir()} - {"carried.exr"}
    assert names == {f"{frame}{mask}.png" for frame in asked["frames"] for mask in ("", "-seen")}


@pytest.mark.parametrize(
    "asked",
    [
        {"size": [96, 54], "boards": [["../board.png", 1]], "frames": {}},
        {"size": [96, 54], "boards": [["board.png", 1]], "frames": {"../0005.00": 5}},
        {"size": [96, 54000], "boards": [["board.png", 1]], "frames": {}},
        {"size": [96, 54], "boards": [], "frames": {}},
    ],
)
def test_a_film_of_somebody_else_s_leads_nowhere(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is no(t the name of a)? guide"):
        render_guide.wanted_of({render_guide.WANTED: json.dumps(asked)})


def test_a_picture_that_does_not_fit_on_the_disk_is_said(tmp_path: Path) -> None:
    """Blender leaves what it could write, and says nothing."""
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).random((64, 64, 3))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="space"):
            stage.write(tmp_path / "full.png", noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    stage.write(tmp_path / "fits.png", noise)
