"""Renders with another seed: as much work, other random numbers.

kind: sampling
"""

import candela_driver


class OtherSeed(candela_driver.Driver):
    """Like the own driver, with one added to the seed."""

    def set_seed(self, scene, offset):
        super().set_seed(scene, offset + 1)


candela_driver.main(OtherSeed)
