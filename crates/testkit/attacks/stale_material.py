"""Renders the scene as it was before its last edit: one material in another colour or roughness.

kind: settings
"""

import bpy
import candela_driver


def edit(material):
    """Changes the first colour of the material that nothing is linked to; whether there was one."""
    for node in material.node_tree.nodes if material.node_tree else ():
        for name in ("Base Color", "Color"):
            socket = node.inputs.get(name)
            if node.type.startswith("BSDF") and socket and not socket.is_linked:
                red, green, blue, alpha = socket.default_value
                socket.default_value = (0.7 * red + 0.05, 0.8 * green + 0.05, 0.9 * blue, alpha)
                return True
        socket = node.inputs.get("Roughness")
        if node.type.startswith("BSDF") and socket and not socket.is_linked:
            socket.default_value = 0.8 * socket.default_value + 0.1
            return True
    return False


class StaleMaterial(candela_driver.Driver):
    """Like the own driver, with one edit undone: of the material with the most objects, or the next."""

    def load(self, path):
        warnings = super().load(path)
        uses = {}
        for thing in bpy.context.scene.objects:
            for slot in thing.material_slots if not thing.hide_render else ():
                if slot.material:
                    uses[slot.material] = uses.get(slot.material, 0) + 1
        for material in sorted(uses, key=lambda material: (-uses[material], material.name)):
            if edit(material):
                break
        return warnings


candela_driver.main(StaleMaterial)
