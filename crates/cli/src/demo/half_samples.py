"""An engine driver that cheats: it renders half of the samples that the scene asks for.

For the demonstration and for tests. It costs its owner half of the time and gives a picture that
looks nearly the same, most of all after denoising: what a dishonest worker would do first.
"""

import candela_driver


class HalfSamples(candela_driver.Driver):
    """Renders like the own driver, with half of the samples."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        scene.cycles.samples = max(1, scene.cycles.samples // 2)
        for layer in scene.view_layers:
            layer.samples //= 2


candela_driver.main(HalfSamples)
