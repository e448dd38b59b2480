"""Reads and writes the OpenEXR files that the engine's driver makes: floats, line by line, uncompressed.

For attacks that change stored layers. A file is a `LayersFile`: names of the channels and an array
of rows, channels, columns.
"""

import struct

import numpy


class LayersFile:
    """An OpenEXR file of 32-bit floats."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        end, self.names = 8, []
        self.windows = []
        while data[end]:
            name_end = data.index(b"\0", end)
            type_end = data.index(b"\0", name_end + 1)
            size = struct.unpack_from("<i", data, type_end + 1)[0]
            start = type_end + 5
            name = data[end:name_end]
            if name == b"channels":
                at = start
                while data[at]:
                    name_end = data.index(b"\0", at)
                    self.names.append(data[at:name_end].decode())
                    at = name_end + 17
            if name == b"dataWindow":
                left, top, right, bottom = struct.unpack_from("<4i", data, start)
            if name in (b"dataWindow", b"displayWindow"):
                self.windows.append(start)
            end = start + size
        self.header = bytearray(data[: end + 1])
        width, height, count = right - left + 1, bottom - top + 1, len(self.names)
        self.values = numpy.empty((height, count, width), dtype="<f4")
        for row in range(height):
            at = struct.unpack_from("<Q", data, end + 1 + 8 * row)[0]
            line = numpy.frombuffer(data, "<f4", count * width, at + 8)
            self.values[row] = line.reshape(count, width)

    def write(self, path):
        """Writes it; its size is that of the values."""
        height, count, width = self.values.shape
        for at in self.windows:
            struct.pack_into("<4i", self.header, at, 0, 0, width - 1, height - 1)
        line_bytes = 4 * count * width
        start = len(self.header) + 8 * height
        with open(path, "wb") as file:
            file.write(self.header)
            for row in range(height):
                file.write(struct.pack("<Q", start + row * (line_bytes + 8)))
            for row in range(height):
                file.write(struct.pack("<ii", row, line_bytes))
                file.write(numpy.ascontiguousarray(self.values[row], dtype="<f4").tobytes())
