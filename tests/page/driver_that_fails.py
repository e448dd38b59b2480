"""An engine driver that renders as the own one does, but not frames from 900 on: for what a failed frame looks like."""

import candela_driver


class Fails(candela_driver.Driver):
    def render_frame(self, scene, request):
        if request["frame"] >= 900:
            raise RuntimeError("the cache of frame %d can't be read: it ends after 12 of 4096 bytes" % request["frame"])
        super().render_frame(scene, request)


candela_driver.main(Fails)
