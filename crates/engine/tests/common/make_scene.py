"""Makes the tests' own scene: glass and metal balls on a rough floor, a lamp, a denoiser, scripts that must not run."""

import os
import sys

import bpy

folder = sys.argv[1]
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.samples = 8
scene.cycles.use_adaptive_sampling = False
scene.cycles.use_denoising = True
scene.render.resolution_x, scene.render.resolution_y = 200, 150
scene.frame_end = 3
scene.cycles.seed = 5
scene.keyframe_insert("cycles.seed", frame=1)
scene.cycles.seed = 9
scene.keyframe_insert("cycles.seed", frame=3)


def material(name, **values):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    for key, value in values.items():
        shader.inputs[key.replace("_", " ")].default_value = value
    return made


def ball(name, at, its_material):
    bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=12, location=at)
    thing = bpy.context.object
    thing.name = name
    thing.data.materials.append(its_material)
    return thing


bpy.ops.mesh.primitive_plane_add(size=20)
bpy.context.object.data.materials.append(material("floor", Base_Color=(0.3, 0.5, 0.2, 1), Roughness=0.9))
ball("glass", (-1.1, 0, 1), material("glass", Transmission_Weight=1.0, Roughness=0.0))
metal = ball("metal", (1.1, 0, 1), material("metal", Metallic=1.0, Roughness=0.3))
metal.keyframe_insert("location", frame=1)
metal.location.z = 2
metal.keyframe_insert("location", frame=3)
bpy.ops.object.light_add(type="AREA", location=(3, -3, 5))
bpy.context.object.data.energy = 400
bpy.context.object.rotation_euler = (0.6, 0.4, 0)
world = bpy.data.worlds.new("sky")
world.use_nodes = True
world.node_tree.nodes["Background"].inputs[0].default_value = (0.2, 0.3, 0.5, 1)
scene.world = world
bpy.ops.object.camera_add(location=(0, -7, 3), rotation=(1.25, 0, 0))
scene.camera = bpy.context.object

script = bpy.data.texts.new("evil.py")
script.write("raise SystemExit('a script of the scene ran')\n")
script.use_module = True
image = bpy.data.images.new("gone", 4, 4)
image.source = "FILE"
image.filepath = "//textures/gone.png"
image.use_fake_user = True

bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "scene.blend"), compress=True)

# A second scene, which names a picture by its absolute path, apart from its own folder.
for name in ("shot", "elsewhere"):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
paint = os.path.join(folder, "elsewhere", "paint.png")
image.source = "GENERATED"
image.filepath_raw = paint
image.file_format = "PNG"
image.save()
image.source = "FILE"
image.filepath = paint
bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "shot", "absolute.blend"), relative_remap=False)
sys.stdout.flush()
os._exit(0)
