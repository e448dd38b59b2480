"""Renders honestly and paints a logo on the output: the layers are right, the picture is not.

kind: output
"""

import bpy
import candela_driver
import numpy


class PaintedOutput(candela_driver.Driver):
    """Like the own driver; a white square of a few pixels goes into the file that the user sees."""

    def output_written(self, scene, request):
        image = bpy.data.images.load(request["output_path"])
        width, height = image.size
        pixels = numpy.empty(width * height * 4, dtype=numpy.float32)
        image.pixels.foreach_get(pixels)
        pixels.reshape(height, width, 4)[5:13, 5:13] = 1.0
        image.pixels.foreach_set(pixels)
        image.filepath_raw = request["output_path"]
        image.file_format = "PNG"
        image.save()
        bpy.data.images.remove(image)


candela_driver.main(PaintedOutput)
