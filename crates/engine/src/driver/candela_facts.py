"""What an opened scene is like, what the machine has, and what Cycles says while it renders.

Scenes are written by strangers and by twenty years of Blender versions: each fact is taken on its
own, and one that can't be taken becomes a warning instead of an error.
"""

import contextlib
import re
import resource

import bpy

import candela_develop
import candela_files

_LIST_MAX = 500
_TEXT_MAX = 1000


def _text(value):
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")[:_TEXT_MAX]


class _Facts:
    def __init__(self):
        self.values = {"warnings": []}

    def take(self, name, fallback, get):
        try:
            self.values[name] = get()
        except Exception as error:  # pylint: disable=broad-except
            self.values[name] = fallback
            self.values["warnings"].append(_text("%s is unknown: %s" % (name, error)))


def facts(scene, path):
    """All facts of a scene, as plain values."""
    taken = _Facts()
    take = taken.take
    render, cycles = scene.render, scene.cycles
    cameras = lambda: sorted(_text(o.name) for o in scene.objects if o.type == "CAMERA")
    camera = lambda: _text(scene.camera.name) if scene.camera else None
    take("saved_by", [0, 0, 0], lambda: list(bpy.data.version))
    take("engine_version", [0, 0, 0], lambda: list(bpy.app.version))
    take("render_engine", "", lambda: _text(render.engine))
    take("scene_name", "", lambda: _text(scene.name))
    take("scenes", [], lambda: [_text(s.name) for s in bpy.data.scenes][:_LIST_MAX])
    take("camera", None, camera)
    take("cameras", [], lambda: cameras()[:_LIST_MAX])
    take("frame_start", 1, lambda: scene.frame_start)
    take("frame_end", 1, lambda: scene.frame_end)
    take("frame_step", 1, lambda: scene.frame_step)
    take("fps", 24.0, lambda: render.fps / render.fps_base)
    take("width", 0, lambda: render.resolution_x)
    take("height", 0, lambda: render.resolution_y)
    take("percentage", 100, lambda: render.resolution_percentage)
    take("border", False, lambda: render.use_border)
    take("samples", 0, lambda: cycles.samples)
    take("adaptive_sampling", False, lambda: cycles.use_adaptive_sampling)
    take("denoiser", None, lambda: _denoiser(scene))
    take("path_guiding", False, lambda: cycles.use_guiding)
    take("time_limit_s", 0.0, lambda: cycles.time_limit)
    take("seed_animated", False, lambda: _seed_animated(scene))
    take("compositor", False, lambda: _compositor(scene))
    take("output_file_nodes", 0, candela_develop.mute_output_file_nodes)
    take("sequencer", False, lambda: _sequencer(scene))
    take("file_format", "", lambda: _text(render.image_settings.file_format))
    take("device", "CPU", lambda: _text(cycles.device))
    take("scripts", [], lambda: _scripts()[:_LIST_MAX])
    take("unbaked", [], lambda: _unbaked(scene)[:_LIST_MAX])
    take("undevelopable", [], lambda: _undevelopable(scene)[:_LIST_MAX])
    take("missing", [], lambda: _missing()[:_LIST_MAX])
    if render.use_multiview:
        taken.values["warnings"].append("the scene is stereoscopic; one view is rendered")
    return taken.values


def _denoiser(scene):
    on = scene.cycles.use_denoising and any(v.cycles.use_denoising for v in scene.view_layers)
    return (_text(scene.cycles.denoiser) or "OPENIMAGEDENOISE") if on else None


def _undevelopable(scene):
    return [_text(reason) for reason in candela_develop.undevelopable(scene)]


def _seed_animated(scene):
    if scene.cycles.use_animated_seed:
        return True
    animation = scene.animation_data
    if animation is None:
        return False
    curves = list(candela_develop.fcurves(animation)) + list(animation.drivers)
    return any(curve.data_path == "cycles.seed" for curve in curves)


def _compositor(scene):
    """Whether the compositor does anything but hand the render through."""
    if not (scene.use_nodes and scene.render.use_compositing and scene.node_tree):
        return False
    live = [n for n in scene.node_tree.nodes if not n.mute and n.type != "OUTPUT_FILE"]
    kinds = {n.type for n in live} - {"VIEWER", "SPLITVIEWER", "FRAME"}
    if kinds - {"R_LAYERS", "COMPOSITE"}:
        return True
    outputs = [n for n in live if n.type == "COMPOSITE"]
    sources = [
        (link.from_node.type, link.from_socket.name)
        for node in outputs
        for link in node.inputs["Image"].links
    ]
    return bool(outputs) and sources != [("R_LAYERS", "Image")]


def _sequencer(scene):
    editor = scene.sequence_editor
    if editor is None or not scene.render.use_sequencer:
        return False
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    return any(strip.type != "SOUND" for strip in strips)


def _blocks():
    for prop in bpy.data.bl_rna.properties:
        if prop.type == "COLLECTION":
            yield from getattr(bpy.data, prop.identifier)


def _scripts():
    found = [_text("text block %s" % t.name) for t in bpy.data.texts if t.use_module]
    for block in _blocks():
        with contextlib.suppress(Exception):
            for owner in (block, getattr(block, "node_tree", None), getattr(block, "shape_keys", None)):
                animation = getattr(owner, "animation_data", None)
                for curve in animation.drivers if animation else ():
                    if curve.driver.type == "SCRIPTED" and not curve.driver.is_simple_expression:
                        name = "driver of %s, %s: %s"
                        name %= (block.name, curve.data_path, curve.driver.expression)
                        found.append(_text(name))
    return found


def _unbaked(scene):
    found = []
    for thing in scene.objects:
        for modifier in thing.modifiers:
            with contextlib.suppress(Exception):
                if modifier.show_render and _wants_bake(modifier):
                    found.append(_text("%s: %s" % (thing.name, modifier.name)))
    world = scene.rigidbody_world
    if world and world.enabled and not world.point_cache.is_baked and _moves(world):
        found.append("rigid body world")
    return found


def _moves(world):
    """Whether a rigid body world has a body that it would move: many files have an empty one."""
    bodies = [thing.rigid_body for thing in (world.collection.objects if world.collection else [])]
    return any(b and b.type == "ACTIVE" and b.enabled and not b.kinematic for b in bodies)


def _wants_bake(modifier):
    kind = modifier.type
    if kind in {"CLOTH", "SOFT_BODY"}:
        return not modifier.point_cache.is_baked
    if kind == "PARTICLE_SYSTEM":
        system = modifier.particle_system
        if system.settings.type == "HAIR":
            return system.use_hair_dynamics and not system.point_cache.is_baked
        return system.settings.physics_type != "NO" and not system.point_cache.is_baked
    if kind == "DYNAMIC_PAINT" and modifier.canvas_settings:
        return any(not s.point_cache.is_baked for s in modifier.canvas_settings.canvas_surfaces)
    if kind == "NODES" and modifier.node_group:
        simulates = any(n.type == "SIMULATION_OUTPUT" for n in modifier.node_group.nodes)
        return simulates and not any(b.data_blocks for b in modifier.bakes)
    return False


def _missing():
    return [
        {"path": _text(f["path"]), "kind": f["kind"], "used_by": _text(f["used_by"])}
        for f in candela_files.dependencies()["files"]
        if not f["exists"]
    ]


_SAMPLE = re.compile(r"Sample (\d+)/(\d+)")
_REMAINING = re.compile(r"Remaining:\s*((?:\d+:)?\d+:\d+\.\d+)")
_MEMORY = re.compile(r"Peak:?\s*([0-9.]+)([KMG])")


def parse_status(text):
    """What Cycles' status line says: samples, seconds left, bytes; none if it has no samples."""
    sample = _SAMPLE.search(text)
    if not sample:
        return None
    left = None
    remaining = _REMAINING.search(text)
    if remaining:
        left = 0.0
        for part in remaining.group(1).split(":"):
            left = left * 60 + float(part)
    memory = _MEMORY.search(text)
    scale = {"K": 2**10, "M": 2**20, "G": 2**30}
    return {
        "samples_done": int(sample.group(1)),
        "samples": int(sample.group(2)),
        "seconds_left": left,
        "memory_bytes": int(float(memory.group(1)) * scale[memory.group(2)]) if memory else 0,
    }


def peak_memory_bytes():
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


_KINDS = ("CUDA", "OPTIX", "HIP", "ONEAPI", "METAL")


def _cycles_preferences():
    return bpy.context.preferences.addons["cycles"].preferences


def devices():
    """Devices that can render: kind and name."""
    found = []
    with contextlib.suppress(Exception):
        preferences = _cycles_preferences()
        for kind in ("CPU",) + _KINDS:
            with contextlib.suppress(Exception):
                of_kind = preferences.get_devices_for_type("NONE" if kind == "CPU" else kind)
                for device in of_kind or []:
                    entry = {"kind": _text(device.type), "name": _text(device.name)}
                    if device.type == kind and entry not in found:
                        found.append(entry)
    return found


def use_devices(kind):
    """Renders on all graphics cards of a kind, and on nothing else."""
    preferences = _cycles_preferences()
    preferences.compute_device_type = kind
    preferences.refresh_devices()
    for device in preferences.devices:
        device.use = device.type == kind


def set_cpu_class(scene, name):
    """Makes this CPU one of a lesser class, for tests: other kernels, other ray tracing tree."""
    if name == "native":
        return
    preferences = bpy.context.preferences
    preferences.view.show_developer_ui = True
    preferences.experimental.use_cycles_debug = True
    scene.cycles.debug_use_cpu_avx2 = False
    scene.cycles.debug_bvh_layout = "BVH2" if name == "no-avx2-no-embree" else "EMBREE"
