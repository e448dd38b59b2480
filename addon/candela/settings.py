# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user asks for: kept with the scene, so that the next submission begins with it."""

import bpy

from .candela_client import CandelaError, parse_frames
from .state import STATE


def _unchecked(self, context):
    """The settings changed: what the check said of them holds no more."""
    STATE.forget_scene()


class CandelaScene(bpy.types.PropertyGroup):
    """Settings of a scene's jobs."""

    name: bpy.props.StringProperty(
        name="Name", description="What the job is called; the file's name if empty"
    )
    notes: bpy.props.StringProperty(
        name="Notes",
        description="For yourself: shown with the job, and kept on this machine and in this file only",
    )
    frames_from: bpy.props.EnumProperty(
        name="Frames",
        items=[
            ("RANGE", "Scene Range", "The scene's start, end and step"),
            ("CURRENT", "This Frame", "The frame that is shown now"),
            ("TEXT", "These", "Frames as text, like 1-24 or 1,5,9-12"),
        ],
        update=_unchecked,
    )
    frames_text: bpy.props.StringProperty(
        name="These",
        description="Like 1-24, 1,5,9-12, or 1-100/10 for every tenth",
        default="1-24",
        update=_unchecked,
    )
    use_percentage: bpy.props.BoolProperty(
        name="Size", description="Another size than the scene's", update=_unchecked
    )
    percentage: bpy.props.IntProperty(
        name="Size",
        description="Of the scene's resolution",
        subtype="PERCENTAGE",
        default=100,
        min=1,
        max=10_000,
        soft_max=200,
        update=_unchecked,
    )
    use_samples: bpy.props.BoolProperty(
        name="Samples", description="Another number of samples than the scene's", update=_unchecked
    )
    samples: bpy.props.IntProperty(
        name="Samples",
        description="Samples per pixel, at most",
        default=128,
        min=1,
        max=1 << 24,
        update=_unchecked,
    )
    format: bpy.props.EnumProperty(
        name="Format",
        items=[
            ("SCENE", "As in the Scene", "The scene's format; PNG where the network has no such"),
            ("PNG", "PNG", "8 bits, with the scene's view transform"),
            ("PNG16", "PNG, 16 Bits", "16 bits, with the scene's view transform"),
            ("JPEG", "JPEG", "Quality 90, with the scene's view transform"),
            ("EXR", "OpenEXR", "32-bit float, linear"),
        ],
        update=_unchecked,
    )
    folder: bpy.props.StringProperty(
        name="Folder",
        description="Where the frames land; {name} and {job} stand for the job's name and number",
        default="//candela/{name}-{job}/",
        subtype="DIR_PATH",
        update=_unchecked,
    )
    allow_missing: bpy.props.BoolProperty(
        name="Render without missing files",
        description="Go on although files are missing",
        update=_unchecked,
    )
    wait: bpy.props.BoolProperty(
        name="Wait for a worker",
        description="Submit although no suitable worker is connected, and wait for one",
        default=True,
    )


class CandelaWindow(bpy.types.PropertyGroup):
    """What is chosen in the panel; not kept."""

    job: bpy.props.IntProperty(name="Job", options={"SKIP_SAVE"})
    frame: bpy.props.IntProperty(name="Frame", description="Which frame", options={"SKIP_SAVE"})
    # Bars of progress, where Blender has no other: before 4.0.
    uploaded: bpy.props.FloatProperty(
        subtype="PERCENTAGE", min=0, max=100, get=lambda _: share_uploaded() * 100
    )
    verified: bpy.props.FloatProperty(
        subtype="PERCENTAGE", min=0, max=100, get=lambda self: share_verified(self.job) * 100
    )


def share_uploaded():
    """How far the submission is, from 0 to 1."""
    submission = STATE.submission
    return submission.share if submission else 0.0


def share_verified(job):
    """The share of a job's frames that are verified, from 0 to 1."""
    counts = (STATE.job(job) or {}).get("counts", {})
    return counts["accepted"] / counts["all"] if counts.get("all") else 0.0


def frames_of(scene):
    """The text of the frames that are asked for, and their number; raises what is wrong with it."""
    wanted = scene.candela
    if wanted.frames_from == "CURRENT":
        text = str(scene.frame_current)
    elif wanted.frames_from == "TEXT":
        text = wanted.frames_text
    else:
        text = f"{scene.frame_start}-{scene.frame_end}/{max(1, scene.frame_step)}"
    return text, len(parse_frames(text))


def name_of(scene):
    """What the job is called."""
    name = scene.candela.name.strip()
    if not name:
        name = bpy.path.display_name_from_filepath(bpy.data.filepath) or "untitled"
    # What the manager refuses in a name.
    name = "".join(c if c.isprintable() else " " for c in name)
    return name.encode()[:200].decode(errors="ignore")


def folder_of(scene, name, job):
    """The absolute folder of a job's frames; raises if it can't be told."""
    text = scene.candela.folder.strip() or "//"
    if text.startswith("//") and not bpy.data.filepath:
        raise CandelaError(
            "the frames' folder is beside the file, and the file was never saved",
            "save the file, or choose another folder",
        )
    plain = "".join(c if c.isalnum() or c in " ._-" else "_" for c in name).strip(" .") or "job"
    text = text.replace("{name}", plain).replace("{job}", str(job))
    folder = bpy.path.abspath(text)
    return bpy.path.native_pathsep(folder).rstrip("/\\") or folder


def overrides_of(scene):
    """What is set over the scene's own settings, as a job's request has it."""
    wanted, overrides = scene.candela, {}
    if wanted.use_percentage:
        overrides["percentage"] = wanted.percentage
    if wanted.use_samples:
        overrides["samples"] = wanted.samples
    if wanted.format != "SCENE":
        overrides["format"] = wanted.format.lower()
    if len(bpy.data.scenes) > 1:
        overrides["scene"] = scene.name
    return overrides


CLASSES = (CandelaScene, CandelaWindow)
