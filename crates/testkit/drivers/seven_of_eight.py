"""Renders seven of eight samples."""

import candela_driver


class SevenOfEight(candela_driver.Driver):
    """Like the own driver, with an eighth of the samples left out."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        scene.cycles.samples = max(1, scene.cycles.samples * 7 // 8)
        scene.cycles.adaptive_threshold *= 1.1


candela_driver.main(SevenOfEight)
