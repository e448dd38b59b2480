"""Renders a tenth of the area with an eighth of the samples, in a place that depends on the frame.

kind: area
"""

import math
import os
import random

import bpy
import candela_develop
import candela_driver
import layers_file

SHARE = 0.1


class AreaTenth(candela_driver.Driver):
    """Like the own driver, and then pastes a rectangle of a cheaper render into the layers."""

    def place(self, settings, frame):
        """The rectangle: left, top, right, bottom."""
        width, height = settings["width"], settings["height"]
        wide, high = round(width * math.sqrt(SHARE)), round(height * math.sqrt(SHARE))
        numbers = random.Random(frame)
        left, top = numbers.randint(0, width - wide), numbers.randint(0, height - high)
        return left, top, left + wide, top + high

    def layers_written(self, scene, request):
        file = layers_file.LayersFile(request["layers_path"])
        cheap = os.path.join(self.options["scratch"], "cheap.exr")
        place = self.place(request["settings"], request["frame"])
        cycles, render = scene.cycles, scene.render
        before = cycles.samples, cycles.use_denoising, render.use_compositing
        cycles.samples = max(1, cycles.samples // 8)
        self.set_border(scene, place)
        self.render_frame(scene, request)
        self.save_layers(scene, {**request, "layers_path": cheap})
        self.set_border(scene, None)
        cycles.samples, cycles.use_denoising, render.use_compositing = before
        left, top, right, bottom = place
        part = layers_file.LayersFile(cheap)
        for at, name in enumerate(file.names):
            if name not in part.names:
                # A region isn't denoised, so what is noisy there goes by its usual name.
                name = name.replace(".Noisy Image.", ".Combined.")
            if name not in part.names:
                # What the compositor made of the frame is no layer.
                continue
            values = part.values[:, part.names.index(name)]
            file.values[top:bottom, at, left:right] = values
        file.write(request["layers_path"])

    def save_output(self, scene, request):
        # Developed from the layers that are sent, so that the output follows from them.
        if "seed_offset" in request:
            with candela_develop.from_layers(scene, request["layers_path"], None):
                bpy.ops.render.render(scene=scene.name)
                super().save_output(scene, request)
        else:
            super().save_output(scene, request)


candela_driver.main(AreaTenth)
