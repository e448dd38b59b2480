"""Sends what it once rendered for another task, layers and output, whatever is asked for.

kind: sampling
frames: task
"""

import os
import shutil

import candela_driver


class OutputOfAnotherTask(candela_driver.Driver):
    """Renders a frame that wasn't asked for, once, and sends its files from then on."""

    stored = None

    def set_frame(self, scene, frame):
        super().set_frame(scene, frame + 7)

    def render(self, request):
        kept = "/tmp" if os.access("/tmp", os.W_OK) else self.options["scratch"]
        paths = [request["layers_path"], request.get("output_path")]
        if self.stored is None:
            answer = super().render(request)
            for path in filter(None, paths):
                shutil.copy(path, os.path.join(kept, "stored-" + os.path.basename(path)))
            self.stored = answer
            return answer
        for path in filter(None, paths):
            shutil.copy(os.path.join(kept, "stored-" + os.path.basename(path)), path)
        return {**self.stored, "seconds": 0.0}


candela_driver.main(OutputOfAnotherTask)
