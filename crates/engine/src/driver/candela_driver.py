"""The Blender side of Candela's engine: JSON lines in, JSON lines out.

The process is a child of `candela` in a sandbox. It gets one request per line on its standard
input and answers each with any number of `progress` lines and then one `done` or `error` line on
what was its standard output when it started; what Blender prints goes to standard error.

Other drivers may import this module, derive from `Driver`, override single steps and call `main`.
"""

import contextlib
import ctypes
import json
import os
import sys
import threading
import time
import traceback

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import candela_develop
import candela_facts
import candela_files

PROTOCOL = 1

_FORMATS = {
    "png": ("PNG", "8"),
    "png16": ("PNG", "16"),
    "jpeg": ("JPEG", "8"),
    "exr": ("OPEN_EXR", "32"),
}
_SEED_MAX = 2**31 - 1


class Refused(Exception):
    """The request can't be met, and the reason is in the scene or in the request."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Driver:
    """One engine process. Every step of a render is a method of its own, to be overridden."""

    def __init__(self, options, send):
        self.options = options
        self.send = send
        self.original = None
        self.originals = {}
        self.progress_sent = 0.0
        self.kept = None
        self.muted = []
        self.base_seed = 0
        self.layers = []

    # Requests

    def hello(self, request):
        """Says which engine this is and which devices it has."""
        return {
            "protocol": PROTOCOL,
            "version": list(bpy.app.version),
            "devices": candela_facts.devices(),
        }

    def open(self, request):
        """Loads a scene and returns its facts."""
        warnings = self.load(request["path"])
        candela_develop.mute_output_file_nodes()
        scene = self.scene(request.get("scene"))
        self.original = None
        self.originals = {}
        self.kept = None
        self.muted = []
        facts = candela_facts.facts(scene, request["path"])
        unclear = ["its output can't be checked: " + why for why in facts["undevelopable"]]
        facts["warnings"] = (facts["warnings"] + warnings + unclear)[:20]
        return facts

    def render(self, request):
        """Renders a frame or a region of it, and writes layers and, if wanted, the output."""
        started, started_cpu = time.monotonic(), time.process_time()
        scene = self.scene(request["settings"].get("scene"))
        if not self.keep_data(scene, request):
            self.configure(scene, request)
            if candela_develop.renders_nothing(scene):
                raise Refused(
                    "nothing-rendered", "the compositor makes the picture without the scene"
                )
            self.layers = candela_develop.wanted_layers(scene)
            self.set_frame(scene, request["frame"])
            self.base_seed = scene.cycles.seed
        self.set_seed(scene, request["seed_offset"])
        self.set_border(scene, request.get("region"))
        self.render_frame(scene, request)
        self.save_layers(scene, request)
        self.layers_written(scene, request)
        if request.get("output_path"):
            self.save_output(scene, request)
            self.output_written(scene, request)
        return {
            "layers": self.layers,
            "seconds": time.monotonic() - started,
            "cpu_seconds": time.process_time() - started_cpu,
            "peak_memory_bytes": candela_facts.peak_memory_bytes(),
        }

    def develop(self, request):
        """Makes an output from layers, as the scene's own pipeline would."""
        scene = self.scene(request["settings"].get("scene"))
        self.keep_data(scene, {})
        self.configure(scene, request)
        reasons = candela_develop.undevelopable(scene)
        if reasons:
            raise Refused("undevelopable", "; ".join(reasons))
        self.set_frame(scene, request["frame"])
        with candela_develop.from_layers(scene, request["layers_path"], request.get("region")):
            bpy.ops.render.render(scene=scene.name)
            self.save_output(scene, request)
        return {}

    def encode_video(self, request):
        """Makes a film of frames."""
        candela_develop.encode_video(request)
        return {}

    def dependencies(self, request):
        """Lists the files that a scene names."""
        self.load(request["path"])
        return candela_files.dependencies()

    def remap(self, request):
        """Saves a copy of a scene with paths replaced."""
        self.load(request["path"])
        return candela_files.remap(request["paths"], request["save_path"])

    # Steps of a render

    def load(self, path):
        """Opens a .blend without its scripts and its window layout; returns warnings."""
        try:
            bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)
        except RuntimeError as error:
            text = " ".join(str(error).split())
            missing_only = "Cannot find lib" in text or "missing" in text or "LIB:" in text
            if bpy.data.filepath != path or not missing_only:
                raise Refused("unreadable", text) from error
            return [text]
        return []

    def scene(self, name):
        """The scene of that name, or the active one."""
        if not name:
            return bpy.context.scene
        scene = bpy.data.scenes.get(name)
        if scene is None:
            raise Refused("no-such-scene", "the file has no scene %r" % name)
        return scene

    def configure(self, scene, request):
        """Puts the scene into the state that the request asks for, whatever was rendered before."""
        settings = request["settings"]
        if scene.name not in self.originals:
            self.originals[scene.name] = candela_develop.Original(scene)
        self.original = self.originals[scene.name]
        for curve in self.muted:
            curve.mute = False
        self.muted = []
        self.original.restore(scene)
        self.configure_engine(scene, settings)
        self.configure_camera(scene, settings)
        self.configure_size(scene, settings)
        self.configure_sampling(scene, settings)
        self.configure_output(scene, settings)
        self.configure_device(scene)

    def configure_engine(self, scene, settings):
        """Makes sure that Cycles renders it."""
        if scene.render.engine != "CYCLES":
            if not settings.get("force_cycles"):
                raise Refused(
                    "not-cycles", "the scene is set to %s, not to Cycles" % scene.render.engine
                )
            scene.render.engine = "CYCLES"

    def configure_camera(self, scene, settings):
        """Takes the wanted camera, also over cameras bound to markers."""
        name = settings.get("camera")
        if name:
            camera = scene.objects.get(name)
            if camera is None or camera.type != "CAMERA":
                raise Refused("no-such-camera", "the scene has no camera %r" % name)
            for marker in scene.timeline_markers:
                marker.camera = None
            scene.camera = camera
        if scene.camera is None:
            raise Refused("no-camera", "the scene has no active camera")

    def configure_size(self, scene, settings):
        """Sets the size, by the scene's own resolution and a percentage where that gives it."""
        render = scene.render
        width, height = settings["width"], settings["height"]

        def gives(percentage):
            return (
                max(1, render.resolution_x * percentage // 100) == width
                and max(1, render.resolution_y * percentage // 100) == height
            )

        for percentage in [render.resolution_percentage, 100, *range(1, 100)]:
            if gives(percentage):
                render.resolution_percentage = percentage
                break
        else:
            render.resolution_x, render.resolution_y = width, height
            render.resolution_percentage = 100

    def configure_sampling(self, scene, settings):
        """Sets the samples, and what makes layers differ between machines."""
        cycles = scene.cycles
        if settings.get("samples"):
            cycles.samples = settings["samples"]
            for layer in scene.view_layers:
                layer.samples = 0
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_use_gpu = False
        for layer in scene.view_layers:
            if cycles.use_denoising and layer.cycles.use_denoising:
                layer.cycles.denoising_store_passes = True

    def configure_output(self, scene, settings):
        """Sets the format, and turns off what writes or replaces a picture on its own."""
        render = scene.render
        render.filepath = os.path.join(self.options["scratch"], "unused")
        render.use_sequencer = False
        render.use_multiview = False
        # A final render has all view layers, also if the interface was told to show one.
        render.use_single_layer = False
        # Compositing on a graphics card gives other pixels.
        render.compositor_device = "CPU"
        render.compositor_denoise_device = "CPU"
        render.use_stamp = False
        for name in dir(render):
            if name.startswith("use_stamp_") and isinstance(getattr(render, name), bool):
                setattr(render, name, False)
        self.output_format = _FORMATS[settings["format"]]
        candela_develop.mute_output_file_nodes()

    def configure_device(self, scene):
        """Takes the CPU, unless the node's owner gave a graphics card."""
        device = self.options.get("device") or "CPU"
        scene.cycles.device = "CPU" if device == "CPU" else "GPU"
        if device != "CPU":
            candela_facts.use_devices(device)
        threads = self.options.get("threads")
        if threads:
            scene.render.threads_mode = "FIXED"
            scene.render.threads = threads
        candela_facts.set_cpu_class(scene, self.options.get("cpu_class") or "native")

    def set_frame(self, scene, frame):
        """Goes to the frame."""
        scene.frame_set(frame)

    def set_seed(self, scene, offset):
        """Adds an offset to the scene's seed, also where the seed is animated."""
        if offset:
            self.muted += candela_develop.still_seed(scene)
        if offset or self.muted or scene.cycles.seed != self.base_seed:
            scene.cycles.seed = (self.base_seed + offset) % _SEED_MAX

    def set_border(self, scene, region):
        """Limits the render to a region (left, top, right, bottom; from the top left), or to none."""
        render = scene.render
        render.use_border = region is not None
        render.use_crop_to_border = region is not None
        if region is None:
            return
        candela_develop.set_border(scene, region)
        # A denoiser sees its surroundings, and the compositor the whole frame.
        if scene.cycles.use_denoising:
            scene.cycles.use_denoising = False
        if render.use_compositing:
            render.use_compositing = False

    def keep_data(self, scene, request):
        """Keeps what Cycles built of the scene, from one region of a frame to the next, if told to.

        Regions then come out identical to the bit, many times faster. For anything but another
        region or seed it is built anew: switching it off frees it. Returns whether it is kept;
        then the scene is left as it is, since any change would have Cycles build it anew.
        """
        key = None
        if self.options.get("reuse_scene_data") and request.get("region") is not None:
            key = json.dumps([request["frame"], request["settings"], scene.name], sort_keys=True)
        kept = key is not None and key == self.kept and not request.get("fresh")
        if not kept:
            scene.render.use_persistent_data = False
            scene.render.use_persistent_data = key is not None
        self.kept = key
        return kept

    def render_frame(self, scene, request):
        """Path-traces, denoises and composites, into Blender's render result."""
        bpy.ops.render.render(scene=scene.name)

    def save_layers(self, scene, request):
        """Writes all passes of the render result, unchanged."""
        image = scene.render.image_settings
        image.file_format = "OPEN_EXR_MULTILAYER"
        image.color_depth = "32"
        image.exr_codec = "NONE"
        candela_develop.save_result(scene, request["layers_path"])

    def save_output(self, scene, request):
        """Writes the picture that the user asked for."""
        candela_develop.set_format(scene, self.original, *self.output_format)
        candela_develop.save_result(scene, request["output_path"])

    def layers_written(self, scene, request):
        """Called when the layers are on disk."""

    def output_written(self, scene, request):
        """Called when the output is on disk."""

    # Progress

    def status(self, text, *_):
        """Cycles' own status line, about ten times a second."""
        now = time.monotonic()
        if now - self.progress_sent < 0.2 or not isinstance(text, str):
            return
        progress = candela_facts.parse_status(text)
        if progress:
            self.progress_sent = now
            self.send({"event": "progress", **progress})


REQUESTS = ("hello", "open", "render", "develop", "encode_video", "dependencies", "remap")


def _answer(driver, request):
    op = request.get("op")
    if op not in REQUESTS:
        return {"event": "error", "code": "protocol", "text": "unknown request %r" % op}
    try:
        return {"event": "done", "result": getattr(driver, op)(request)}
    except Refused as refused:
        return {"event": "error", "code": refused.code, "text": str(refused)}
    except MemoryError:
        return {"event": "error", "code": "out-of-memory", "text": "the engine ran out of memory"}
    except Exception as error:  # pylint: disable=broad-except
        traceback.print_exc()
        return {"event": "error", "code": "failed", "text": " ".join(str(error).split())}


def _lines(source, requests):
    """Reads requests on a thread of its own: when the parent is gone, so is this process."""
    for line in source:
        requests.append(line)
        requests.wake.release()
    os._exit(0)


class _Requests(list):
    def __init__(self):
        super().__init__()
        self.wake = threading.Semaphore(0)


def _streams():
    """Keeps the real standard output for answers and sends what Blender prints to standard error."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    return answers


def _be_nice(options):
    """Gives way to others, is the first to go when memory is short, and ends with its parent."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, 9)
    try:
        os.nice(int(options.get("nice") or 0))
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("800")
    except (OSError, ValueError):
        pass


def main(driver_class=Driver):
    """Serves requests until the input ends. Never returns: `bpy` can hang at a normal exit."""
    answers = _streams()
    options = json.loads(os.environ.get("CANDELA_DRIVER_OPTIONS") or "{}")
    options.setdefault("scratch", os.getcwd())
    _be_nice(options)
    lock = threading.Lock()

    def send(message):
        with lock:
            answers.write(json.dumps(message) + "\n")
            answers.flush()

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False
    bpy.context.preferences.edit.use_global_undo = False
    driver = driver_class(options, send)
    # Opening a file drops handlers that aren't persistent.
    bpy.app.handlers.render_stats.append(bpy.app.handlers.persistent(lambda *a: driver.status(*a)))
    requests = _Requests()
    threading.Thread(target=_lines, args=(sys.stdin, requests), daemon=True).start()
    while True:
        requests.wake.acquire()
        request = json.loads(requests.pop(0))
        if request.get("op") == "quit":
            break
        send(_answer(driver, request))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
