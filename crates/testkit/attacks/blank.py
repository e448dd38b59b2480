"""Sends black pictures.

kind: sampling
"""

import candela_driver
import layers_file


class Blank(candela_driver.Driver):
    """Renders one sample, so that the files have the right form, and blackens it."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        scene.cycles.samples = 1
        scene.cycles.film_exposure = 0.0

    def layers_written(self, scene, request):
        file = layers_file.LayersFile(request["layers_path"])
        for at, name in enumerate(file.names):
            if not name.endswith(".A"):
                file.values[:, at] = 0.0
        file.write(request["layers_path"])


candela_driver.main(Blank)
