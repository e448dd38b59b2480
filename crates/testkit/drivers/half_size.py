"""Renders a frame of half the size and enlarges it."""

import struct

import bpy
import candela_driver
import numpy


def enlarge(path, width, height):
    """Repeats the pixels of an uncompressed OpenEXR file of floats until it has that size."""
    with open(path, "rb") as file:
        data = file.read()
    end = 8
    window = None
    channels = 0
    while data[end]:
        name_end = data.index(b"\0", end)
        type_end = data.index(b"\0", name_end + 1)
        size = struct.unpack_from("<i", data, type_end + 1)[0]
        start = type_end + 5
        name = data[end:name_end]
        if name == b"channels":
            at = start
            while data[at]:
                at = data.index(b"\0", at) + 17
                channels += 1
        if name in (b"dataWindow", b"displayWindow"):
            window = struct.unpack_from("<4i", data, start)
            box = struct.pack("<4i", 0, 0, width - 1, height - 1)
            data = data[:start] + box + data[start + 16 :]
        end = start + size
    header = data[: end + 1]
    small_width, small_height = window[2] - window[0] + 1, window[3] - window[1] + 1
    line_bytes = 4 * channels * small_width
    lines_at = end + 1 + 8 * small_height
    columns = numpy.minimum(numpy.arange(width) * small_width // width, small_width - 1)
    lines = []
    for y in range(height):
        from_y = min(y * small_height // height, small_height - 1)
        at = lines_at + from_y * (line_bytes + 8) + 8
        line = numpy.frombuffer(data, "<f4", channels * small_width, at)
        line = line.reshape(channels, small_width)[:, columns]
        lines.append(struct.pack("<ii", y, 4 * channels * width) + line.tobytes())
    offset = len(header) + 8 * height
    with open(path, "wb") as file:
        file.write(header)
        for line in lines:
            file.write(struct.pack("<Q", offset))
            offset += len(line)
        file.writelines(lines)


class HalfSize(candela_driver.Driver):
    """Like the own driver, with a quarter of the pixels."""

    def configure_size(self, scene, settings):
        render = scene.render
        render.resolution_x = max(1, settings["width"] // 2)
        render.resolution_y = max(1, settings["height"] // 2)
        render.resolution_percentage = 100

    def layers_written(self, scene, request):
        settings = request["settings"]
        enlarge(request["layers_path"], settings["width"], settings["height"])

    def output_written(self, scene, request):
        settings = request["settings"]
        image = bpy.data.images.load(request["output_path"])
        image.scale(settings["width"], settings["height"])
        image.filepath_raw = request["output_path"]
        image.file_format = "PNG"
        image.save()
        bpy.data.images.remove(image)


candela_driver.main(HalfSize)
