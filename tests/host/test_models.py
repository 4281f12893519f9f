"""Models in Blender: what is here is told, one is chosen, and none is fetched before its terms are agreed to."""

from __future__ import annotations

import pytest

from tests.host.studio import ADDON, bpy, configure, part, step_until


@pytest.fixture
def models(scene):
    bpy.ops.shotpack.look_for_models()
    module = part("operators.models")
    step_until(lambda: not module.model_list.busy)
    yield module
    configure()


def test_what_is_here_can_be_used(models):
    states = {model.name: model.state for model in models.model_list.models}
    assert states["sketch"] == states["tiny"] == "installed"
    assert states["framepack-i2v"] == "missing"
    bpy.ops.shotpack.use_model(name="sketch")
    assert bpy.context.preferences.addons[ADDON].preferences.model == "sketch"


def test_nothing_is_fetched_without_agreement(models):
    online = bpy.context.preferences.system.use_online_access
    try:
        bpy.context.preferences.system.use_online_access = False
        assert not bpy.ops.shotpack.download_model.poll()
        bpy.context.preferences.system.use_online_access = True
        with pytest.raises(RuntimeError, match="terms"):
            bpy.ops.shotpack.download_model(name="framepack-i2v", agreed=False)
    finally:
        bpy.context.preferences.system.use_online_access = online
    assert not models.model_list.busy
