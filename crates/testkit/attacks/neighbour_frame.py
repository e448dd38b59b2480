"""Sends the neighbour's frame.

kind: sampling
frames: task
"""

import candela_driver


class NeighbourFrame(candela_driver.Driver):
    """Like the own driver, at the frame before the one that was asked for."""

    def set_frame(self, scene, frame):
        super().set_frame(scene, frame - 1)
        # A seed that changes with the frame would give the cheat away at once.
        scene.cycles.use_animated_seed = False


candela_driver.main(NeighbourFrame)
