"""Renders seven of eight samples.

kind: sampling
"""

import candela_driver


class SevenOfEight(candela_driver.Driver):
    """Like the own driver, with an eighth of the samples left out."""

    threshold = None

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        if self.threshold is None:
            self.threshold = scene.cycles.adaptive_threshold
        scene.cycles.samples = max(1, scene.cycles.samples * 7 // 8)
        # Adaptive sampling would stop before: it stops earlier too.
        scene.cycles.adaptive_threshold = self.threshold * 1.1


candela_driver.main(SevenOfEight)
