"""Sends noise, in files of the right form."""

import struct

import candela_driver
import numpy


def scramble(path):
    """Fills an uncompressed OpenEXR file with random numbers."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    end = 8
    while data[end]:
        name_end = data.index(b"\0", end)
        type_end = data.index(b"\0", name_end + 1)
        size = struct.unpack_from("<i", data, type_end + 1)[0]
        if data[end:name_end] == b"dataWindow":
            top, bottom = struct.unpack_from("<4i", data, type_end + 5)[1::2]
        end = type_end + 5 + size
    height = bottom - top + 1
    random = numpy.random.default_rng()
    for line in range(height):
        at = struct.unpack_from("<Q", data, end + 1 + 8 * line)[0]
        size = struct.unpack_from("<i", data, at + 4)[0]
        data[at + 8 : at + 8 + size] = random.random(size // 4, dtype="<f4").tobytes()
    with open(path, "wb") as file:
        file.write(data)


class Noise(candela_driver.Driver):
    """Renders one sample, so that the files have the right form, and throws it away."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        scene.cycles.samples = 1

    def layers_written(self, scene, request):
        scramble(request["layers_path"])


candela_driver.main(Noise)
