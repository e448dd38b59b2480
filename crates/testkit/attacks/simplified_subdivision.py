"""Subdivides surfaces once at most.

kind: settings
"""

import candela_driver


class SimplifiedSubdivision(candela_driver.Driver):
    """Like the own driver, with the scene simplified."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        scene.render.use_simplify = True
        scene.render.simplify_subdivision_render = 1


candela_driver.main(SimplifiedSubdivision)
