"""Renders through a camera that is turned by a third of a degree.

kind: sampling
"""

import math

import bpy
import candela_driver
from mathutils import Matrix


class OtherCamera(candela_driver.Driver):
    """Like the own driver, with a copy of the camera, a little to the side."""

    copy = None

    def set_frame(self, scene, frame):
        super().set_frame(scene, frame)
        if self.copy is not None:
            bpy.data.objects.remove(self.copy)
        turned = scene.camera.matrix_world @ Matrix.Rotation(math.radians(1 / 3), 4, "Y")
        self.copy = bpy.data.objects.new("turned", scene.camera.data)
        self.copy.matrix_world = turned
        scene.collection.objects.link(self.copy)
        for marker in scene.timeline_markers:
            marker.camera = None
        scene.camera = self.copy


candela_driver.main(OtherCamera)
