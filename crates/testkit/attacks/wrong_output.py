"""Renders honestly and develops with another exposure: the layers are right, the picture is not.

kind: output
"""

import candela_driver


class WrongOutput(candela_driver.Driver):
    """Like the own driver; the output is a quarter of a stop too bright."""

    def save_output(self, scene, request):
        exposure = scene.view_settings.exposure
        scene.view_settings.exposure = exposure + 0.25
        super().save_output(scene, request)
        scene.view_settings.exposure = exposure


candela_driver.main(WrongOutput)
