"""A small scene on which cheap settings show: a fine image texture, subdivided surfaces, deep light paths.

`python3 kitchen.py OUT.blend` writes one self-contained file. Nothing in it is repeated by chance:
numbers are seeded, the seed is fixed, and frames 1 to 12 differ by a turn of the pieces.
"""

import math
import os
import sys

import bpy
import numpy
from mathutils import Vector

FRAMES = 12


def material(name, kind, **inputs):
    """A material of one shader."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    shader = tree.nodes.new("ShaderNode" + kind)
    for key, value in inputs.items():
        shader.inputs[key.replace("_", " ")].default_value = value
    out = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(shader.outputs[0], out.inputs["Surface"])
    return made


def tiles_image():
    """Tiles with fine cracks, 1024 pixels wide, so that a quarter of the size loses something."""
    numbers = numpy.random.default_rng(1852)
    edge = 1024
    y, x = numpy.mgrid[0:edge, 0:edge]
    colour = numpy.ones((edge, edge, 4), dtype=numpy.float32)
    cells = numbers.random((16, 16, 3)).astype(numpy.float32) * 0.5 + 0.3
    colour[..., :3] = cells[y // 64, x // 64]
    grain = numbers.random((edge, edge, 1)).astype(numpy.float32)
    colour[..., :3] *= 0.35 + 0.65 * grain
    joint = (x % 64 < 3) | (y % 64 < 3)
    colour[joint, :3] = 0.05
    image = bpy.data.images.new("tiles", edge, edge)
    image.pixels.foreach_set(colour.ravel())
    image.pack()
    return image


def textured(name, image, scale, tilt=0.0):
    """A material of that image, of which `tilt` says how far the surface is turned up."""
    made = material(name, "BsdfPrincipled", Roughness=0.25)
    tree = made.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    mapping = tree.nodes.new("ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = (scale, scale, scale)
    mapping.inputs["Rotation"].default_value = (tilt, 0.0, 0.0)
    place = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(place.outputs["Generated"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], texture.inputs["Vector"])
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return made


def add(name, verts, faces, surface, location=(0, 0, 0), smooth=False):
    """A mesh object."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(verts, [], faces)
    mesh.materials.append(surface)
    if smooth:
        mesh.shade_smooth()
    made = bpy.data.objects.new(name, mesh)
    made.location = location
    bpy.context.scene.collection.objects.link(made)
    return made


CUBE_FACES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def cube(name, edges, surface, location):
    """A box."""
    x, y, z = (edge / 2 for edge in edges)
    verts = [(a * x, b * y, c * z) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    return add(name, verts, CUBE_FACES, surface, location)


def subdivided(name, edge, surface, location, levels):
    """A rounded piece: a star-like cube whose form is made by its subdivision."""
    piece = cube(name, (edge, edge, edge), surface, location)
    mesh = piece.data
    for vertex in mesh.vertices:
        vertex.co *= 1.0 if vertex.index % 3 else 1.5
    mesh.shade_smooth()
    modifier = piece.modifiers.new("subdivision", "SUBSURF")
    modifier.levels, modifier.render_levels = 1, levels
    return piece


def turn(thing, turns):
    """Turns it evenly about the upright axis."""
    for frame, angle in ((1, 0.0), (FRAMES + 1, 2 * math.pi * turns)):
        thing.rotation_euler[2] = angle
        thing.keyframe_insert("rotation_euler", index=2, frame=frame)


def build():
    """The room and what stands in it."""
    image = tiles_image()
    floor = textured("floor tiles", image, 2.0)
    wall = textured("wall tiles", image, 1.5, -math.pi / 2)
    corners = [(-4, -3, 0), (4, -3, 0), (4, 3, 0), (-4, 3, 0)]
    add("floor", corners, [(0, 1, 2, 3)], floor)
    back = [(-4, 3, 0), (4, 3, 0), (4, 3, 4), (-4, 3, 4)]
    add("wall", back, [(0, 1, 2, 3)], wall)
    glaze = material("glaze", "BsdfPrincipled", Base_Color=(0.8, 0.25, 0.1, 1), Roughness=0.15)
    clay = material("clay", "BsdfPrincipled", Base_Color=(0.3, 0.5, 0.6, 1), Roughness=0.5)
    glass = material("glass", "BsdfGlass", Color=(0.9, 1.0, 0.95, 1), Roughness=0.0, IOR=1.45)
    mirror = material("mirror", "BsdfPrincipled", Metallic=1.0, Roughness=0.03)
    turn(subdivided("pot", 1.0, glaze, (-1.7, 0.2, 0.75), 4), 1)
    turn(subdivided("jar", 0.8, clay, (1.5, 0.9, 0.6), 4), -1)
    # Panes behind each other, and two mirrors that see each other: here bounces end early.
    for i in range(4):
        cube("pane %d" % i, (1.5, 0.04, 1.6), glass, (0.0, 0.3 * i, 0.85))
    for side in (-1, 1):
        pane = cube("mirror %d" % side, (0.05, 2.2, 1.8), mirror, (2.9 * side, 1.0, 0.95))
        pane.rotation_euler[2] = 0.25 * side
    turn(cube("bar", (0.5, 0.5, 0.5), clay, (0.1, -1.0, 0.25)), 1)


def lights_and_camera():
    """Two lamps, a dim world, and the camera."""
    for name, watts, location, size in (("key", 260, (-2.5, -2.5, 4), 1.5), ("fill", 90, (3, -2, 3), 1)):
        data = bpy.data.lights.new(name, "AREA")
        data.energy, data.size = watts, size
        lamp = bpy.data.objects.new(name, data)
        lamp.location = location
        lamp.rotation_euler = (Vector((0, 0.5, 0.5)) - lamp.location).to_track_quat("-Z", "Y").to_euler()
        bpy.context.scene.collection.objects.link(lamp)
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.2, 0.25, 0.35, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.4
    bpy.context.scene.world = world
    data = bpy.data.cameras.new("camera")
    data.lens = 40
    camera = bpy.data.objects.new("camera", data)
    camera.location = (0.3, -5.6, 2.2)
    camera.rotation_euler = (Vector((0, 0.4, 0.8)) - camera.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera


def settings():
    """Cycles, 640 × 360, no denoiser, and adaptive sampling that begins at the fourth sample."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = 640, 360, 100
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = 16
    cycles.seed = 0
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.1
    cycles.adaptive_min_samples = 4
    cycles.use_guiding = False
    cycles.use_denoising = False
    cycles.max_bounces = cycles.transmission_bounces = cycles.transparent_max_bounces = 16
    cycles.glossy_bounces = 8
    cycles.diffuse_bounces = 4


def main():
    """Builds and saves."""
    path = os.path.abspath(sys.argv[-1])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    build()
    lights_and_camera()
    settings()
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=True, relative_remap=False)
    # A normal exit of the bpy module can hang; the file is closed and complete by now.
    os._exit(0)


main()
