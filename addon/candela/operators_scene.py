# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators about the open scene: check it, mend what was found, submit it."""

import os
import shutil

import bpy

from . import checks, operators_jobs, pack, preferences, settings, state, submit
from .candela_client import Cancelled, CandelaError
from .state import STATE


def report(operator, error):
    """Tells an error where Blender tells such things, and in the panel."""
    text = state.sentence(error)
    operator.report({"ERROR"}, text)
    STATE.say(text)


class CandelaCheck(bpy.types.Operator):
    """Look for what the network would refuse, before anything is sent"""

    bl_idname = "candela.check"
    bl_label = "Check"

    def execute(self, context):
        """Called by Blender."""
        STATE.say(None)
        found = run_check(context)
        errors = sum(1 for finding in found if finding.level == "ERROR")
        if errors:
            self.report(
                {"WARNING"},
                f"{errors} {'thing has' if errors == 1 else 'things have'} to be mended",
            )
        else:
            self.report({"INFO"}, "The scene can be submitted")
        return {"FINISHED"}


def run_check(context):
    """Checks the scene, shows the findings, and asks the network how long it may take."""
    scene = context.scene
    STATE.findings = checks.check(scene, STATE.connection.engines)
    STATE.estimate = None
    if STATE.connection.status == "ON":
        _begin_estimate(scene)
    state.redraw()
    return STATE.findings


def _begin_estimate(scene):
    connection, findings = STATE.connection, STATE.findings
    try:
        facts = checks.facts_of(scene)
    except CandelaError:
        return
    user = operators_jobs.whose(connection)

    def done(text, error):
        # Another check may have begun since, and what can't be estimated is not an error.
        if STATE.findings is findings and error is None:
            STATE.estimate = text
            state.redraw()

    state.background("estimate", lambda: checks.estimate(connection.client, user, facts), done)


class CandelaFix(bpy.types.Operator):
    """Mend this, or show where it is"""

    bl_idname = "candela.fix"
    bl_label = "Mend"
    bl_options = {"UNDO", "INTERNAL"}

    fix: bpy.props.StringProperty()
    target: bpy.props.StringProperty()

    def invoke(self, context, event):
        """Called by Blender for a press of the button."""
        if self.fix == "FIND_FILES":
            bpy.ops.file.find_missing_files("INVOKE_DEFAULT")
            STATE.forget_scene()
            return {"FINISHED"}
        if self.fix == "SAVE":
            bpy.ops.wm.save_as_mainfile("INVOKE_DEFAULT")
            STATE.forget_scene()
            return {"FINISHED"}
        return self.execute(context)

    def execute(self, context):
        """Called by Blender."""
        how = _FIXES.get(self.fix)
        if how is None:
            self.report({"WARNING"}, "This has to be mended by hand")
            return {"CANCELLED"}
        try:
            how(context, context.scene, self.target)
        except CandelaError as error:
            report(self, error)
            return {"CANCELLED"}
        if not self.fix.startswith("S"):
            # What was mended is looked at again; what was only shown is as it was.
            STATE.say(None)
            run_check(context)
        return {"FINISHED"}


def _use_cycles(context, scene, _):
    if "cycles" not in context.preferences.addons:
        raise CandelaError("Cycles is switched off", "switch it on in Preferences, Add-ons")
    scene.render.engine = "CYCLES"


def _use_camera(_, scene, target):
    scene.camera = scene.objects.get(target)


def _add_camera(context, scene, _):
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    # Where the user looks from, as far as a 3D view is open.
    for area in context.screen.areas if context.screen else ():
        if area.type == "VIEW_3D":
            camera.matrix_world = area.spaces.active.region_3d.view_matrix.inverted()
            return
    camera.location, camera.rotation_euler = (7.4, -6.9, 5.0), (1.109, 0.0, 0.815)


def _select(context, scene, target):
    thing = scene.objects.get(target)
    if thing is None:
        raise CandelaError(f"there is no {target} in the scene any more", "check again")
    for other in context.view_layer.objects:
        other.select_set(other == thing)
    context.view_layer.objects.active = thing


def _show_image(context, _, target):
    from . import operators_show

    image = bpy.data.images.get(target)
    if image is None:
        raise CandelaError(f"there is no image {target} any more", "check again")
    operators_show.show_image(context, image)


def _show_user(context, scene, target):
    if scene.objects.get(target) is None:
        raise CandelaError(
            f"{target} is used elsewhere", "File > External Data has what finds and replaces files"
        )
    _select(context, scene, target)


def _show_scene(context, _, __):
    area = getattr(context, "area", None)
    if area is not None and area.type == "PROPERTIES":
        area.spaces.active.context = "SCENE"


def _keep_image(_, __, target):
    image = bpy.data.images.get(target)
    if image is None:
        return
    path = bpy.path.abspath(image.filepath)
    if image.packed_file is None and image.source == "FILE" and os.path.isfile(path):
        image.save()
    else:
        image.pack()


def _no_freestyle(_, scene, __):
    scene.render.use_freestyle = False


def _no_compositing(_, scene, __):
    scene.render.use_compositing = False


def _no_time_limit(_, scene, __):
    scene.cycles.time_limit = 0.0


def _full_size(_, scene, __):
    scene.render.resolution_percentage = 100
    scene.candela.use_percentage = False


_FIXES = {
    "USE_CYCLES": _use_cycles,
    "USE_CAMERA": _use_camera,
    "ADD_CAMERA": _add_camera,
    "SELECT": _select,
    "SHOW_IMAGE": _show_image,
    "SHOW_USER": _show_user,
    "SHOW_SCENE": _show_scene,
    "KEEP_IMAGE": _keep_image,
    "NO_FREESTYLE": _no_freestyle,
    "NO_COMPOSITING": _no_compositing,
    "NO_TIME_LIMIT": _no_time_limit,
    "FULL_SIZE": _full_size,
}


class CandelaSubmit(bpy.types.Operator):
    """Pack the scene, upload what the network lacks, and submit the job. The open file is not changed"""

    bl_idname = "candela.submit"
    bl_label = "Submit"

    @classmethod
    def poll(cls, context):
        """Called by Blender: one submission at a time."""
        return not (STATE.submission and STATE.submission.goes_on)

    def execute(self, context):
        """Called by Blender."""
        STATE.say(None)
        folder = None
        try:
            connection = _connected()
            errors = [finding for finding in run_check(context) if finding.level == "ERROR"]
            if errors:
                more = f" ({len(errors) - 1} more below)" if len(errors) > 1 else ""
                raise CandelaError(f"not submitted. {errors[0].text.rstrip('.')}{more}")
            request, record = _asked_for(context.scene, connection)
            folder = pack.new_folder()
            packed = pack.pack(folder)
            preference = preferences.get(context)
            made = submit.Submission(packed, request, record, preference.address, preference.token)
        except CandelaError as error:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            report(self, error)
            return {"CANCELLED"}
        STATE.submission = made
        submit.begin(made, _submitted)
        _watch(made)
        return {"FINISHED"}


def _connected():
    connection = STATE.connection
    if connection.status != "ON":
        raise CandelaError("no manager is connected", "press Connect")
    if not connection.may_submit():
        raise CandelaError(
            "the token only lets you look", "ask the network's owner for one with the scope submit"
        )
    return connection


def _asked_for(scene, connection):
    """The job's request as far as it's known, and what is remembered of it on this machine."""
    wanted, name = scene.candela, settings.name_of(scene)
    request = {
        "name": name,
        "frames": settings.frames_of(scene)[0],
        "overrides": settings.overrides_of(scene),
        "allow": {"missing_files": wanted.allow_missing, "wait": wanted.wait},
    }
    if connection.user is None:
        request["user"] = preferences.user_name(preferences.get())
    check_folder(settings.folder_of(scene, name, 1))
    # The job's number is known at the end; by then the scene may be another one.
    template = settings.folder_of(scene, name, "\0")
    record = {
        "folder": lambda job: template.replace("\0", str(job)),
        "notes": wanted.notes,
        "blend": bpy.data.filepath,
        "scene": scene.name,
    }
    return request, record


def check_folder(folder):
    """Whether frames can be written there, as far as that can be seen without making it."""
    there = folder
    while not os.path.exists(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        raise CandelaError(
            f"frames can't be written to {folder}, because {there} is a file",
            "choose another folder",
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise CandelaError(
            f"frames can't be written to {folder}, because {there} may not be written",
            "choose another folder",
        )


def _watch(submission):
    """Shows how far it is, as long as it goes on."""
    state.redraw()
    if submission.goes_on and STATE.submission is submission:
        state.later(0.25, _watch, submission)


def _submitted(result, error):
    submission = STATE.submission
    if error is not None:
        if isinstance(error, Cancelled) or submission.phase == "CANCELLED":
            STATE.say("The submission was cancelled; nothing was submitted.", "INFO")
        else:
            STATE.say(f"Not submitted. {state.sentence(error)}")
        return
    summary, record = result
    STATE.say(None)
    STATE.learn_job(summary)
    bpy.context.window_manager.candela.job = summary["id"]
    operators_jobs.follow_job(record)


class CandelaCancelSubmit(bpy.types.Operator):
    """Break the submission off; what was uploaded is not sent again next time"""

    bl_idname = "candela.cancel_submit"
    bl_label = "Cancel"

    def execute(self, context):
        """Called by Blender."""
        if STATE.submission:
            STATE.submission.cancel.set()
        return {"FINISHED"}


CLASSES = (CandelaCheck, CandelaFix, CandelaSubmit, CandelaCancelSubmit)
