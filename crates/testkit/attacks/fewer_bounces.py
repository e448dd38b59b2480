"""Follows light for four bounces at most.

kind: settings
"""

import candela_driver

BOUNCES = 4
LIMITS = (
    "max_bounces diffuse_bounces glossy_bounces transmission_bounces volume_bounces "
    "transparent_max_bounces"
).split()


class FewerBounces(candela_driver.Driver):
    """Like the own driver, with every limit of bounces lowered."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        for name in LIMITS:
            setattr(scene.cycles, name, min(BOUNCES, getattr(scene.cycles, name)))


candela_driver.main(FewerBounces)
