# SPDX-License-Identifier: GPL-3.0-or-later
"""Candela in Blender: check a scene, submit it, get verified frames back.

`bpy` is touched on the main thread only; whatever takes time happens in threads of `state`, which
hand their results back through a queue that a timer empties.
"""

import bpy

from . import (
    follow,
    operators_jobs,
    operators_scene,
    operators_show,
    panel,
    preferences,
    settings,
    state,
)

# Read by Blender before 4.2; newer ones read blender_manifest.toml.
bl_info = {
    "name": "Candela",
    "author": "The Candela project",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Properties > Render > Candela",
    "description": "Render on a network in which every frame is verified",
    "category": "Render",
}

_CLASSES = (
    *preferences.CLASSES,
    *settings.CLASSES,
    *operators_scene.CLASSES,
    *operators_jobs.CLASSES,
    *operators_show.CLASSES,
    *panel.CLASSES,
)


@bpy.app.handlers.persistent
def _other_file(*_):
    """What was found out about the file before doesn't hold for the next one."""
    state.STATE.forget_scene()
    state.wake()


def register():
    """Called by Blender when the add-on is switched on."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.candela = bpy.props.PointerProperty(type=settings.CandelaScene)
    bpy.types.WindowManager.candela = bpy.props.PointerProperty(type=settings.CandelaWindow)
    bpy.app.handlers.load_post.append(_other_file)
    state.start()
    # Preferences can't be read yet while Blender itself still starts.
    state.later(1.0, operators_jobs.connect_if_known)


def unregister():
    """Called by Blender when the add-on is switched off."""
    follow.stop_all()
    if state.STATE.submission and state.STATE.submission.goes_on:
        state.STATE.submission.give_up()
    state.stop()
    if _other_file in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_other_file)
    del bpy.types.WindowManager.candela
    del bpy.types.Scene.candela
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
