# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be refused, found before anything is sent: the manager's rules, asked of the open scene.

The facts come from the engine driver's own modules, so that both see the same. What differs is that
each finding here has a button that mends it, or shows where it is.
"""

import contextlib
import os
from dataclasses import dataclass, field

import bpy

from . import candela_develop, candela_facts, candela_files, settings
from .candela_client import CandelaError

# The manager's limits: pixels along an edge, and in all.
EDGE_PX_MAX = 32_768
FRAME_PX_MAX = 134_217_728
# So many files are named one by one.
NAMED_MAX = 12


@dataclass
class Finding:
    """A sentence; `level` is ERROR (it would be refused), WARNING or INFO.

    `fix`: what `operators_scene.CandelaFix` does when its button `label` is pressed, on `target`.
    """

    level: str
    code: str
    text: str
    fix: str = ""
    label: str = ""
    target: str = ""
    items: list = field(default_factory=list)


def check(scene, engines=()):
    """All findings on a scene, the worst first. `engines`: builds that the network has."""
    findings = []
    for rule in (_file, _version, _engine, _camera, _settings, _missing, _unsaved_images):
        _apply(rule, findings, scene, engines)
    for rule in (_time_limit, _unbaked, _undevelopable, _notes):
        _apply(rule, findings, scene, engines)
    order = ["ERROR", "WARNING", "INFO"]
    return sorted(findings, key=lambda finding: order.index(finding.level))


def _apply(rule, findings, scene, engines):
    try:
        findings += rule(scene, engines)
    except CandelaError as error:
        findings.append(Finding("ERROR", "", str(error)))
    except Exception as error:  # pylint: disable=broad-except
        # Files of twenty years: one fact that can't be found out doesn't hide the others.
        text = f"The add-on can't check everything here ({error}); the manager will."
        findings.append(Finding("WARNING", "unknown", text))


def _file(scene, _):
    try:
        settings.folder_of(scene, settings.name_of(scene), 1)
    except CandelaError as error:
        yield Finding("ERROR", "not_saved", str(error), "SAVE", "Save")


def _version(_, engines):
    if tuple(bpy.data.version)[:2] > bpy.app.version[:2]:
        theirs = "%d.%d" % tuple(bpy.data.version)[:2]
        text = (
            f"The file was saved by Blender {theirs}, and this older one may have lost parts of it."
        )
        yield Finding("WARNING", "saved_by_newer", text)
    versions = [version for version in map(_version_of, engines) if version]
    if not versions or bpy.app.version[:2] == max(versions):
        return
    mine, theirs = ("%d.%d" % version[:2] for version in (bpy.app.version, max(versions)))
    if bpy.app.version[:2] < max(versions):
        text = f"The network renders with Blender {theirs}: frames may differ a little from {mine}."
        yield Finding("INFO", "note", text)
    else:
        yield Finding(
            "ERROR",
            "scene_too_new",
            f"This is Blender {mine}, and the network renders with {theirs}, where the file would "
            f"look wrong: submit it from Blender {theirs}.",
        )


def _version_of(engine):
    """(4, 5) of blender-4.5.15."""
    with contextlib.suppress(ValueError, IndexError):
        parts = engine.rsplit("-", 1)[1].split(".")
        return int(parts[0]), int(parts[1])
    return None


def _engine(scene, _):
    if scene.render.engine != "CYCLES":
        name = scene.render.engine.replace("BLENDER_", "").replace("_", " ").title()
        text = (
            f"The scene is set to {name}, which can't be verified: use Cycles, and look at a frame."
        )
        yield Finding("ERROR", "render_engine_not_cycles", text, "USE_CYCLES", "Use Cycles")


def _camera(scene, _):
    if scene.camera is not None:
        return
    cameras = sorted(thing.name for thing in scene.objects if thing.type == "CAMERA")
    text = "The scene has no active camera."
    if cameras:
        label = f"Use {cameras[0]}"
        yield Finding("ERROR", "no_camera", text, "USE_CAMERA", label, cameras[0])
    else:
        yield Finding("ERROR", "no_camera", text, "ADD_CAMERA", "Add One")


def _settings(scene, _):
    settings.frames_of(scene)
    wanted = scene.candela
    percentage = scene.render.resolution_percentage
    percentage = wanted.percentage if wanted.use_percentage else percentage
    width = max(1, scene.render.resolution_x * percentage // 100)
    height = max(1, scene.render.resolution_y * percentage // 100)
    if max(width, height) > EDGE_PX_MAX or width * height > FRAME_PX_MAX:
        text = (
            f"Frames of {width} × {height} pixels are too large: at most {EDGE_PX_MAX} along an "
            f"edge and {FRAME_PX_MAX} in all."
        )
        yield Finding("ERROR", "size_out_of_range", text, "FULL_SIZE", "Set to 100 %")


def _missing(scene, _):
    missing = [line for line in candela_files.dependencies()["files"] if not line["exists"]]
    if not missing:
        return
    allowed = scene.candela.allow_missing
    level = "WARNING" if allowed else "ERROR"
    for line in missing[:NAMED_MAX]:
        name = os.path.basename(line["path"].replace("\\", "/")) or line["path"]
        text = f"The {line['kind']} {name} is missing, used by {line['used_by']}: {line['path']}"
        show = "SHOW_IMAGE" if line["kind"] == "image" else "SHOW_USER"
        yield Finding(level, "files_missing", text, show, "Show", line["used_by"])
    if len(missing) > NAMED_MAX:
        yield Finding(level, "files_missing", f"{len(missing) - NAMED_MAX} more files are missing.")
    text = "Look for the missing files in a folder, or render without them."
    yield Finding(level, "files_missing", text, "FIND_FILES", "Find Missing Files")


def _unsaved_images(_, __):
    for image in bpy.data.images:
        if image.is_dirty and image.type == "IMAGE" and image.users and image.library is None:
            text = f"The image {image.name} was painted on and not saved: the network would not see it."
            yield Finding("ERROR", "image_not_saved", text, "KEEP_IMAGE", "Keep It", image.name)


def _time_limit(scene, _):
    limit_s = getattr(scene.cycles, "time_limit", 0.0)
    if limit_s > 0:
        text = (
            f"The scene limits a frame to {limit_s:g} s of rendering: its result depends on the "
            "machine's speed, so nobody can check it."
        )
        yield Finding("ERROR", "time_limit_set", text, "NO_TIME_LIMIT", "Set to 0")


def _unbaked(scene, _):
    how = "bake it to disk beside the file, so that each frame can be rendered alone."
    for thing in scene.objects:
        for modifier in thing.modifiers:
            wants = False
            with contextlib.suppress(Exception):
                wants = modifier.show_render and candela_facts._wants_bake(modifier)
            if wants:
                text = f"The simulation {modifier.name} of {thing.name} is not baked: {how}"
                yield Finding("ERROR", "simulation_not_baked", text, "SELECT", "Select", thing.name)
    world = scene.rigidbody_world
    if world and world.enabled and not world.point_cache.is_baked and candela_facts._moves(world):
        text = f"The rigid body world is not baked: {how}"
        yield Finding("ERROR", "simulation_not_baked", text, "SHOW_SCENE", "Show")


def _undevelopable(scene, _):
    for reason in candela_develop.undevelopable(scene):
        text = f"Nobody could check the picture: {reason}."
        if reason.startswith("Freestyle"):
            yield Finding("ERROR", "output_not_checkable", text, "NO_FREESTYLE", "Turn Off")
        else:
            yield Finding(
                "ERROR", "output_not_checkable", text, "NO_COMPOSITING", "Compositing Off"
            )


def _notes(scene, _):
    note = lambda text: Finding("INFO", "note", text)  # noqa: E731
    render = scene.render
    if render.use_border:
        yield note("The render border is ignored: whole frames are rendered.")
    if render.image_settings.file_format == "FFMPEG" and scene.candela.format == "SCENE":
        yield note("The scene writes a video: frames are rendered as PNG instead.")
    if render.use_multiview:
        yield note("The scene is stereoscopic: one view is rendered.")
    writers = [
        node
        for tree in candela_develop.trees()
        for node in tree.nodes
        if node.type == "OUTPUT_FILE"
    ]
    if writers:
        yield note(f"{len(writers)} output file nodes of the compositor write nothing.")
    scripts = candela_facts._scripts()
    if scripts:
        shown = ", ".join(scripts[:3]) + (" and others" if len(scripts) > 3 else "")
        yield note(f"Scripts never run on the network, so these have no effect: {shown}.")


def estimate(client, user, scene_facts):
    """What the frames will earn and how long they will take, in sentences. In a thread.

    `scene_facts`: name, frames, width, height, samples. The credit is the network's own figure: the
    path-traced samples of a frame, in thousands. The time is scaled from one's last job of that name;
    nothing is said of it if there is none."""
    now = scene_facts["width"] * scene_facts["height"] * scene_facts["samples"]
    credit = scene_facts["frames"] * max(1, now // 1000)
    said = f"Workers earn {many(credit * 1000)} samples of credit for it."
    page = client.jobs(user=user, search=scene_facts["name"], status="completed", limit=20)
    same = [job for job in page["items"] if job["name"] == scene_facts["name"] and job["frame_s"]]
    rendered = client.job(same[0]["id"]).get("render") if same else None
    if not rendered:
        return said
    work = rendered["width_px"] * rendered["height_px"] * rendered["samples"]
    frame_s = same[0]["frame_s"] * now / max(1, work)
    nodes = client.network().get("nodes", {})
    at_once = max(1, min(nodes.get("workers") or 1, scene_facts["frames"]))
    whole_s = frame_s * scene_facts["frames"] / at_once
    return (
        f"About {duration(whole_s)} at {duration(frame_s)} a frame, if {at_once} "
        f"{'worker is' if at_once == 1 else 'workers are'} free, as in job {same[0]['id']}. {said}"
    )


def many(count):
    """A large number for people."""
    for name, size in (("billion", 1e9), ("million", 1e6), ("thousand", 1e3)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {name}"
    return str(count)


def duration(seconds):
    """A length of time for people."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"


def facts_of(scene):
    """What `estimate` needs of a scene. On the main thread."""
    wanted, render = scene.candela, scene.render
    percentage = wanted.percentage if wanted.use_percentage else render.resolution_percentage
    cycles = getattr(scene, "cycles", None)
    return {
        "name": settings.name_of(scene),
        "frames": settings.frames_of(scene)[1],
        "width": max(1, render.resolution_x * percentage // 100),
        "height": max(1, render.resolution_y * percentage // 100),
        "samples": wanted.samples if wanted.use_samples else getattr(cycles, "samples", 1),
    }
