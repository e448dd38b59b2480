"""Renders with textures of a quarter of their edge.

kind: settings
"""

import bpy
import candela_driver

LIMITS = (128, 256, 512, 1024, 2048, 4096, 8192)


class SmallerTextures(candela_driver.Driver):
    """Like the own driver, with a limit to the size of textures."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        edges = [max(image.size) for image in bpy.data.images if image.type != "RENDER_RESULT"]
        wanted = max(edges, default=0) // 4
        limit = max((edge for edge in LIMITS if edge <= wanted), default=LIMITS[0])
        scene.render.use_simplify = True
        scene.cycles.texture_limit_render = str(limit)


candela_driver.main(SmallerTextures)
