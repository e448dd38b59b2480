"""Renders a frame of half the size and enlarges it.

kind: sampling
"""

import bpy
import candela_driver
import layers_file
import numpy


class HalfSizeEnlarged(candela_driver.Driver):
    """Like the own driver, with a quarter of the pixels, each sent four times."""

    def configure_size(self, scene, settings):
        render = scene.render
        render.resolution_x = max(1, settings["width"] // 2)
        render.resolution_y = max(1, settings["height"] // 2)
        render.resolution_percentage = 100

    def layers_written(self, scene, request):
        settings = request["settings"]
        file = layers_file.LayersFile(request["layers_path"])
        height, _, width = file.values.shape
        rows = numpy.arange(settings["height"]) * height // settings["height"]
        columns = numpy.arange(settings["width"]) * width // settings["width"]
        file.values = file.values[rows][:, :, columns]
        file.write(request["layers_path"])

    def output_written(self, scene, request):
        settings = request["settings"]
        image = bpy.data.images.load(request["output_path"])
        image.scale(settings["width"], settings["height"])
        image.filepath_raw = request["output_path"]
        image.file_format = "PNG"
        image.save()
        bpy.data.images.remove(image)


candela_driver.main(HalfSizeEnlarged)
