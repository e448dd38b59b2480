"""Sends random numbers in files of the right form.

kind: sampling
"""

import candela_driver
import layers_file
import numpy


class Noise(candela_driver.Driver):
    """Renders one sample, so that the files have the right form, and throws it away."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        scene.cycles.samples = 1

    def layers_written(self, scene, request):
        file = layers_file.LayersFile(request["layers_path"])
        file.values = numpy.random.default_rng().random(file.values.shape, dtype="<f4")
        file.write(request["layers_path"])


candela_driver.main(Noise)
