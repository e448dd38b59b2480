# SPDX-License-Identifier: GPL-3.0-or-later
"""For scripts that run inside a Blender: installs the add-on, makes scenes, waits.

Settings come from the environment: `CANDELA_TEST` names the JSON file that `run.py` writes.
"""

import json
import math
import os
import sys
import time

import bpy

with open(os.environ["CANDELA_TEST"], encoding="utf-8") as _file:
    SETTINGS = json.load(_file)
FOLDER = SETTINGS["folder"]
WAIT_S = 240


def install():
    """As from a file in the preferences; returns the add-on's package."""
    if SETTINGS.get("installed"):
        name = SETTINGS["installed"]
        bpy.ops.preferences.addon_enable(module=name)
        if hasattr(bpy.app, "online_access"):
            bpy.context.preferences.system.use_online_access = True
    elif bpy.app.version >= (4, 2, 0):
        # The extensions' own add-on is off where Blender starts without an interface.
        bpy.ops.preferences.addon_enable(module="bl_pkg")
        bpy.ops.extensions.package_install_files(
            filepath=SETTINGS["zip"], repo="user_default", enable_on_install=True
        )
        name = "bl_ext.user_default.candela"
    else:
        bpy.ops.preferences.addon_install(filepath=SETTINGS["zip"])
        bpy.ops.preferences.addon_enable(module="candela")
        name = "candela"
    assert name in bpy.context.preferences.addons, "the add-on is not on"
    return sys.modules[name], name


def preferences(name):
    return bpy.context.preferences.addons[name].preferences


def until(addon, what, holds, seconds=WAIT_S):
    """Does what Blender's timer would do, until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        addon.state.pump()
        if time.monotonic() > end:
            message = addon.state.STATE.error or addon.state.STATE.note
            raise AssertionError(f"{what}: not within {seconds} s; the panel says {message}")
        time.sleep(0.05)
    addon.state.pump()


def empty_file():
    """As File > New. Preferences stay: they say which add-ons are on."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def scene_with(path, materials=("plain",), samples=8):
    """A small scene for Cycles with motion, saved; textures by name: `plain`, `relative`, `absolute`."""
    empty_file()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y = 640, 480
    scene.render.resolution_percentage = 25
    scene.frame_start, scene.frame_end = 1, 2
    bpy.ops.mesh.primitive_plane_add(size=20)
    for number, kind in enumerate(materials):
        bpy.ops.mesh.primitive_uv_sphere_add(location=(2.5 * number, 0, 1))
        sphere = bpy.context.view_layer.objects.active
        sphere.keyframe_insert("location", frame=1)
        sphere.location.z = 2
        sphere.keyframe_insert("location", frame=4)
        if kind != "plain":
            _texture(sphere, kind, os.path.dirname(path))
    light = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    light.rotation_euler = (0.6, 0.3, 0)
    light.data.energy = 3
    scene.collection.objects.link(light)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (3, -14, 6), (math.radians(70), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    os.makedirs(os.path.dirname(path), exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=path)
    # The first time it is saved Blender makes all paths relative.
    for image in bpy.data.images:
        if image.name.startswith(("absolute", "tiles", "sequence")):
            image.filepath = os.path.normpath(bpy.path.abspath(image.filepath))
            assert not image.filepath.startswith("//")
    bpy.ops.wm.save_as_mainfile(filepath=path, relative_remap=False)


# What a texture is like: colours of its files.
COLOURS = {
    "relative": {"": (0.8, 0.05, 0.05, 1)},
    "absolute": {"": (0.05, 0.7, 0.1, 1)},
    "tiles": {".1001": (0.1, 0.2, 0.9, 1), ".1002": (0.9, 0.1, 0.9, 1)},
    "sequence": {".0001": (0.9, 0.9, 0.1, 1), ".0002": (0.1, 0.9, 0.9, 1)},
}


def _texture(thing, kind, folder):
    """A texture by a relative path beside the file, or by an absolute one outside of its folder."""
    relative = kind == "relative"
    where = os.path.join(folder, "textures") if relative else os.path.join(FOLDER, "away", kind)
    os.makedirs(where, exist_ok=True)
    for number, colour in COLOURS[kind].items():
        image = bpy.data.images.new(kind, 8, 8)
        image.pixels.foreach_set(colour * 64)
        image.filepath_raw, image.file_format = os.path.join(where, f"{kind} ü{number}.png"), "PNG"
        image.save()
        bpy.data.images.remove(image)
    number = min(COLOURS[kind])
    image = bpy.data.images.load(os.path.join(where, f"{kind} ü{number}.png"))
    image.name = f"{kind} picture"
    if kind == "tiles":
        image.source = "TILED"
        image.filepath = os.path.join(where, f"{kind} ü.<UDIM>.png")
    if relative:
        image.filepath = f"//textures/{kind} ü.png"
    material = bpy.data.materials.new(kind)
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    if kind == "sequence":
        image.source = "SEQUENCE"
        user = node.image_user
        user.frame_duration, user.frame_start, user.use_auto_refresh = 2, 1, True
    shader = material.node_tree.nodes["Principled BSDF"]
    material.node_tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    thing.data.materials.append(material)


def control(word):
    """Asks whoever runs this to `kill` or to `start` the manager, and waits until it's done."""
    path = os.path.join(SETTINGS["control"], word)
    open(path, "wb").close()
    while os.path.exists(path):
        time.sleep(0.05)
