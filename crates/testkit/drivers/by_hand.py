"""Renders a frame as a person would in Blender, without Candela: what a worker's files are compared with.

Arguments: SCENE.blend FRAME PERCENTAGE LAYERS.exr OUTPUT.png [SAMPLES]
"""

import os
import sys

import bpy

scene_path, frame, percentage, layers, output, *samples = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=scene_path, load_ui=False, use_scripts=False)
scene = bpy.context.scene
scene.cycles.device = "CPU"
scene.render.resolution_percentage = int(percentage)
scene.render.use_border = False
if samples:
    scene.cycles.samples = int(samples[0])
if scene.cycles.use_denoising:
    for layer in scene.view_layers:
        layer.cycles.denoising_store_passes = True
scene.frame_set(int(frame))
bpy.ops.render.render(scene=scene.name)
image = scene.render.image_settings
image.file_format, image.color_mode, image.color_depth = "PNG", "RGBA", "8"
bpy.data.images["Render Result"].save_render(output, scene=scene)
image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
bpy.data.images["Render Result"].save_render(layers, scene=scene)
os._exit(0)
