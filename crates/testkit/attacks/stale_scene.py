"""Renders the scene as it was before its last edit: one light, or the world, a fifth weaker.

kind: sampling
"""

import bpy
import candela_driver


class StaleScene(candela_driver.Driver):
    """Like the own driver, with one edit undone: that of the strongest light that isn't animated."""

    def load(self, path):
        warnings = super().load(path)
        lights = {o.data for o in bpy.context.scene.objects if o.type == "LIGHT" and not o.hide_render}
        still = [light for light in lights if light.animation_data is None and light.energy > 0]
        world = bpy.context.scene.world
        if still:
            strongest = max(still, key=lambda light: (light.energy, light.name))
            strongest.energy *= 0.8
        elif world and world.node_tree:
            for node in world.node_tree.nodes:
                if node.type == "BACKGROUND":
                    node.inputs["Strength"].default_value *= 0.8
        elif world:
            world.color = [0.8 * value for value in world.color]
        return warnings


candela_driver.main(StaleScene)
