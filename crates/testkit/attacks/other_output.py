"""Renders honestly and sends the output of the frame before: the layers are right, the picture is not.

kind: output
"""

import candela_driver


class OtherOutput(candela_driver.Driver):
    """Like the own driver; the output comes from another frame."""

    def save_output(self, scene, request):
        if "seed_offset" in request:
            self.set_frame(scene, request["frame"] - 1)
            self.render_frame(scene, request)
        super().save_output(scene, request)


candela_driver.main(OtherOutput)
