"""A section in the making plays on the timeline: its newest preview, a picture a latent, where its frames will be."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from tests.host.studio import FIXTURES, bpy, of_role, part
from tests.host.test_shot import frames_of
from tests.host.test_trust import JOB, stamped, strip

PICTURE = (FIXTURES / "board.png").read_bytes()
FIRST, LAST = range(1, 20), range(20, 38)
"""The frames of both sections, in time."""


def told(section: int, step: int, latents: int = 9):
    """A job whose section `section` is being denoised; the pictures of its preview can be told apart."""
    events = part("engine.events")
    job = part("engine.client.session").Job(JOB, "running")
    plans = tuple(events.SectionPlan(place, at[0], at[-1], "") for place, at in ((1, LAST), (0, FIRST)))
    job.plan = events.Started("inverted", plans, 37, 64, 64, 30.0, 4, 0)
    frames = (base64.b64encode(PICTURE + bytes([step, place])).decode() for place in range(latents))
    job.preview = events.Preview(section, step, "", tuple(frames))
    return job


@pytest.fixture
def show(saved, tmp_path):
    """Brings the strips of a shot up to date with what is told of its job, as a tick does; calls for the shot."""
    asked = stamped(saved, tmp_path / "shots" / "one", job=JOB)
    shot = part("engine.client.shot").Shot(asked, "one", tmp_path / "shots" / "one", 37, JOB)

    def step(job):
        part("operators.moving_previews").take_in(shot, job)
        part("operators.timeline").reconcile(shot, job, [strip(asked)])
        return strip(asked)

    step.shot = shot
    yield step
    part("operators.moving_previews").forget()


def places(playing) -> list[int]:
    """Which latent each of the strip's frames shows, by the pictures' last bytes."""
    return [path.read_bytes()[-1] for path in frames_of(playing)]


def test_it_plays_where_the_section_will_be_and_the_newest_follows_the_one_before(show):
    seen, folders = set(), set()
    for step in (1, 2, 3):
        (playing,) = of_role(show(told(1, step)), "preview")
        assert (playing.frame_final_start, playing.frame_final_end, playing.channel) == (20, 38, 2)
        assert places(playing) == [place for place in range(9) for _ in range(2)]
        shown = frames_of(playing)
        assert {path.read_bytes()[-2] for path in shown} == {step}
        assert not seen & {path.name for path in shown}, "Blender keeps what it has read by name"
        seen |= {path.name for path in shown}
        folders |= {path.parent for path in shown}
    (folder,) = folders
    assert len(list(folder.iterdir())) == 2 * 9, "only the one before is kept, which was shown until now"
    part("operators.moving_previews").forget()
    assert not folder.exists()


def test_another_section_s_takes_its_place_and_a_few_latents_are_spread_over_all_frames(show):
    show(told(1, 4))
    (playing,) = of_role(show(told(0, 1, latents=2)), "preview")
    assert (playing.frame_final_start, playing.frame_final_end, playing.shotpack.section) == (1, 20, 0)
    assert places(playing) == [0] * 10 + [1] * 9


def test_the_section_s_frames_take_the_place_of_its_preview(show):
    job = told(1, 4)
    assert of_role(show(job), "preview")
    arrive(show, LAST)
    meta = show(job)
    assert not of_role(meta, "preview")
    (section,) = of_role(meta, "section")
    assert (section.frame_final_start, section.channel) == (20, 2), "on the channel that it would have had"


def arrive(show, frames):
    for frame in frames:
        (show.shot.folder / f"{frame:04d}.png").write_bytes(PICTURE)
        show.shot.arrived(part("engine.client.shot").RemoteFrame(frame, f"frames/{frame:04d}.png", f"{frame:04d}.png"))


def test_a_section_s_first_frames_are_shown_and_the_preview_plays_behind_them(show):
    job = told(0, 4)
    assert of_role(show(job), "preview")
    arrive(show, range(1, 8))
    meta = show(job)
    (section,), (playing,) = of_role(meta, "section"), of_role(meta, "preview")
    assert (section.frame_final_start, section.frame_final_end, section.channel) == (1, 8, 2)
    assert (playing.frame_final_start, playing.frame_final_end, playing.channel) == (8, 20, 2)
    assert places(playing) == [(frame - 1) * 9 // 19 for frame in range(8, 20)], "what belongs there"
    arrive(show, range(8, 20))
    job.sections[0] = part("engine.events").Section(0, 1, 2, 1, 19, (), ())
    meta = show(job)
    assert not of_role(meta, "preview")
    (section,) = of_role(meta, "section")
    assert (section.frame_final_start, section.frame_final_end, section.channel) == (1, 20, 2)


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled", None])
def test_nothing_of_it_stays(show, state):
    job = told(1, 4)
    meta = show(job)
    assert part("operators.shot_strips").folder_of(meta) == show.shot.folder, "its pictures are none of the shot's"
    if state is not None:
        job.state = state
    assert not of_role(show(job if state else None), "preview")


def test_a_file_on_disk_names_none_of_its_pictures(show):
    meta = show(told(1, 4))
    assert of_role(meta, "preview")
    bpy.ops.wm.save_mainfile()
    assert not of_role(meta, "preview")
    assert of_role(show(told(1, 4)), "preview"), "here it goes on"


def test_an_engine_that_sends_a_sheet_alone_leaves_the_board(show):
    job = told(1, 4, latents=0)
    meta = show(job)
    assert [each.shotpack.role for each in meta.strips] == ["placeholder"]


def test_a_folder_that_is_gone_is_made_anew_and_a_full_disk_leaves_what_is_there(show, monkeypatch):
    (playing,) = of_role(show(told(1, 1)), "preview")
    shutil.rmtree(frames_of(playing)[0].parent)
    (playing,) = of_role(show(told(1, 2)), "preview")
    before = frames_of(playing)
    assert all(path.is_file() for path in before)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        (playing,) = of_role(show(told(1, 3)), "preview")
    assert frames_of(playing) == before
