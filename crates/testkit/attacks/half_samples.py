"""Renders half of the samples.

kind: sampling
"""

import candela_driver


class HalfSamples(candela_driver.Driver):
    """Like the own driver, with every second sample left out."""

    threshold = None

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        if self.threshold is None:
            self.threshold = scene.cycles.adaptive_threshold
        scene.cycles.samples = max(1, scene.cycles.samples // 2)
        # Adaptive sampling would stop before: it stops at the noise of half of the samples.
        scene.cycles.adaptive_threshold = self.threshold * 1.4


candela_driver.main(HalfSamples)
