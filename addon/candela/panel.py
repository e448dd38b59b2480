# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in the render properties. Drawing never asks the manager anything."""

import textwrap
import time

import bpy

from . import checks, follow, operators_jobs, operators_show, preferences, settings
from .candela_client import TERMINAL
from .state import STATE

_LEVEL_ICONS = {"ERROR": "ERROR", "WARNING": "ERROR", "INFO": "INFO"}
_STATUS_ICONS = {
    "inspecting": "VIEWZOOM",
    "active": "RENDER_ANIMATION",
    "completed": "CHECKMARK",
    "failed": "ERROR",
    "refused": "CANCEL",
    "cancelled": "X",
}
_STATUS_WORDS = {
    "inspecting": "being looked at",
    "active": "rendering",
    "completed": "all verified",
    "failed": "failed",
    "refused": "refused",
    "cancelled": "cancelled",
}


def sentence(layout, context, text, icon="NONE", room=0):
    """A sentence over as many lines as it needs: labels don't wrap."""
    width = context.region.width if context.region else 400
    scale = context.preferences.system.ui_scale
    letters = max(20, int((width / scale - 60 - room) / 5.8))
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, letters) or [""]):
        column.label(
            text=line, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE"
        )
    return column


def bar(layout, name, share, text):
    """A bar of progress; `name` is that of the window's property that says the same in percent."""
    if hasattr(layout, "progress"):
        layout.progress(factor=share, text=text)
        return
    layout.prop(bpy.context.window_manager.candela, name, slider=True, text=text)


class _Panel:
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"


class CANDELA_PT_main(_Panel, bpy.types.Panel):
    """Connection, submission, and what is wrong."""

    bl_label = "Candela"

    def draw(self, context):
        """Called by Blender."""
        STATE.drawn_at = time.monotonic()
        layout, connection = self.layout, STATE.connection
        if connection.status == "ON":
            self._connected(context, layout, connection)
        else:
            self._disconnected(context, layout, connection)
        for text, icon in ((STATE.error, "ERROR"), (STATE.note, "INFO")):
            if text:
                box = layout.box()
                row = box.row()
                words = row.column()
                words.alert = icon == "ERROR"
                sentence(words, context, text, icon, 30)
        if STATE.error or STATE.note:
            row.operator("candela.dismiss", text="", icon="X", emboss=False)

    def _disconnected(self, context, layout, connection):
        preference = preferences.get(context)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(preference, "address")
        column.prop(preference, "token")
        if connection.text:
            box = layout.box()
            box.alert = connection.status == "FAILED"
            icon = "ERROR" if connection.status == "FAILED" else "TIME"
            sentence(box, context, connection.text, icon)
        row = layout.row()
        row.enabled = connection.status != "TESTING"
        row.scale_y = 1.3
        row.operator("candela.connect", icon="LINKED")

    def _connected(self, context, layout, connection):
        row = layout.row(align=True)
        row.label(text=connection.text, icon="LINKED")
        row.operator("candela.connect", text="", icon="FILE_REFRESH")
        row.operator("preferences.addon_show", text="", icon="PREFERENCES").module = __package__
        nodes = (connection.network or {}).get("nodes", {})
        if nodes and not nodes.get("workers"):
            sentence(layout, context, "No worker is connected: jobs wait for one.", "INFO")


class CANDELA_PT_submit(_Panel, bpy.types.Panel):
    """What is wanted, the check, and the submission."""

    bl_label = "Submit"
    bl_parent_id = "CANDELA_PT_main"

    def draw(self, context):
        """Called by Blender."""
        layout, submission = self.layout, STATE.submission
        if submission is not None and submission.goes_on:
            self._progress(context, layout, submission)
            return
        self._wanted(context, layout)
        row = layout.row(align=True)
        row.scale_y = 1.3
        row.operator("candela.check", icon="VIEWZOOM")
        submit = row.row(align=True)
        # A scene can be checked without a network.
        submit.enabled = STATE.connection.status == "ON"
        submit.operator("candela.submit", icon="RENDER_ANIMATION")
        self._findings(context, layout)

    def _wanted(self, context, layout):
        scene = context.scene
        wanted = scene.candela
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(wanted, "name", **_hint(settings.name_of(scene)))
        column.prop(wanted, "frames_from")
        if wanted.frames_from == "TEXT":
            column.prop(wanted, "frames_text")
        for switch, value in (("use_percentage", "percentage"), ("use_samples", "samples")):
            row = column.row(heading=wanted.bl_rna.properties[value].name)
            row.prop(wanted, switch, text="")
            sub = row.row()
            sub.active = getattr(wanted, switch)
            sub.prop(wanted, value, text="")
        column.prop(wanted, "format")
        column.prop(wanted, "folder")
        column.prop(wanted, "notes")
        column.prop(wanted, "wait")

    def _progress(self, context, layout, submission):
        box = layout.box()
        sentence(box, context, submission.text, "EXPORT")
        if submission.phase == "UPLOADING" and submission.bytes:
            bar(box, "uploaded", submission.share, size_text(submission))
        if submission.waits_for:
            waits = f"Waiting for the manager: {submission.waits_for}"
            sentence(box, context, waits, "TIME")
        box.operator("candela.cancel_submit", icon="X")

    def _findings(self, context, layout):
        if STATE.findings is None:
            return
        if not any(finding.level == "ERROR" for finding in STATE.findings):
            sentence(layout, context, "The scene can be submitted.", "CHECKMARK")
        if STATE.estimate:
            sentence(layout, context, STATE.estimate, "TIME")
        for finding in STATE.findings:
            box = layout.box()
            row = box.row()
            words = row.column()
            words.alert = finding.level == "ERROR"
            room = 110 if finding.fix else 0
            sentence(words, context, finding.text, _LEVEL_ICONS[finding.level], room)
            if finding.fix:
                side = row.column()
                side.alignment = "RIGHT"
                button = side.operator("candela.fix", text=finding.label)
                button.fix, button.target = finding.fix, finding.target
        if any(finding.code == "files_missing" for finding in STATE.findings):
            layout.prop(context.scene.candela, "allow_missing")


def _hint(text):
    return {"placeholder": text} if bpy.app.version >= (4, 1, 0) else {}


def size_text(submission):
    """How much of an upload is done."""
    new = submission.bytes - submission.known
    read = "" if submission.hashed >= submission.bytes else "reading, "
    return f"{read}{_mb(submission.sent)} of {_mb(new)} sent, {_mb(submission.known)} known"


def _mb(count):
    return f"{count / 1e6:.1f} MB" if count < 1e8 else f"{count / 1e6:.0f} MB"


class CANDELA_PT_jobs(_Panel, bpy.types.Panel):
    """One's jobs."""

    bl_label = "My Jobs"
    bl_parent_id = "CANDELA_PT_main"

    @classmethod
    def poll(cls, context):
        """Called by Blender."""
        return STATE.connection.status == "ON"

    def draw(self, context):
        """Called by Blender."""
        operators_jobs.read_jobs_if_old()
        layout = self.layout
        if STATE.jobs_error:
            box = layout.box()
            box.alert = True
            sentence(box, context, STATE.jobs_error, "ERROR")
        if not STATE.jobs:
            layout.label(text="You have no jobs yet.")
        chosen = context.window_manager.candela.job
        for job in STATE.jobs[: operators_jobs.JOBS_SHOWN]:
            box = layout.box()
            row = box.row(align=True)
            open_icon = "DISCLOSURE_TRI_DOWN" if job["id"] == chosen else "DISCLOSURE_TRI_RIGHT"
            row.operator("candela.choose_job", text="", icon=open_icon, emboss=False).job = job[
                "id"
            ]
            row.label(text=f"{job['id']}  {job['name']}", icon=_STATUS_ICONS[job["status"]])
            right = row.row()
            right.alignment = "RIGHT"
            right.label(text=_counts(job))
            if job["id"] == chosen:
                self._details(context, box, job)
        layout.operator("candela.refresh", icon="FILE_REFRESH")

    def _details(self, context, box, job):
        follower = follow.of(STATE.connection.client.address, job["id"])
        counts = job["counts"]
        if job["status"] == "active" and counts["all"]:
            text = f"{counts['accepted']} of {counts['all']} verified"
            bar(box, "verified", settings.share_verified(job["id"]), text)
        sentence(box, context, _about(job))
        summary = follower.summary if follower and follower.summary else job
        for refusal in summary.get("refusals", ()):
            words = box.column()
            words.alert = True
            hint = f": {refusal['hint']}" if refusal.get("hint") else ""
            sentence(words, context, f"{refusal['message']}{hint}", "ERROR")
        for note in summary.get("notes", ()):
            sentence(box, context, note, "INFO")
        self._folder(context, box, job, follower)
        self._frames(context, box, job, follower)
        row = box.row(align=True)
        if job["status"] in TERMINAL:
            if job["status"] in ("failed", "cancelled"):
                row.operator("candela.retry_job", icon="FILE_REFRESH").job = job["id"]
        else:
            row.operator("candela.cancel_job", icon="X").job = job["id"]
        row.operator("candela.open_page", icon="URL").job = job["id"]

    def _folder(self, context, box, job, follower):
        record = follower.record if follower else operators_show.record_of(job["id"])
        if record is None:
            sentence(box, context, "Its frames are not fetched to this machine.")
            box.operator("candela.fetch", icon="IMPORT").job = job["id"]
            return
        row = box.row()
        count = len(record.files)
        frames = "1 frame" if count == 1 else f"{count} frames"
        sentence(row.column(), context, f"{frames} in {record.frames_folder}", room=30)
        row.operator("candela.open_folder", text="", icon="FILE_FOLDER").job = job["id"]
        if record.values["notes"]:
            sentence(box, context, record.values["notes"], "TEXT")
        if follower is not None and follower.text:
            words = box.column()
            words.alert = follower.status == "FAILED"
            icon = "ERROR" if follower.status == "FAILED" else "INFO"
            sentence(words, context, follower.text, icon)
        if follower is not None and follower.status == "FAILED":
            row = box.row()
            row.operator("candela.fetch", text="Fetch into the Folder Above").job = job["id"]

    def _frames(self, context, box, job, follower):
        if follower is None or not job["counts"]["accepted"]:
            return
        window = context.window_manager.candela
        row = box.row(align=True)
        row.prop(window, "frame")
        for way, text in (("FRAME", "Show"), ("SEQUENCE", "Sequence")):
            button = row.operator("candela.show", text=text)
            button.job, button.frame, button.way = job["id"], window.frame, way
        row = box.row(align=True)
        for way, text in (("SPLIT", "Beside Mine"), ("DIFFERENCE", "Difference")):
            button = row.operator("candela.show", text=text)
            button.job, button.frame, button.way = job["id"], window.frame, way
        button = row.operator("candela.dispute", text="It Is Wrong", icon="ERROR")
        button.job, button.frame = job["id"], window.frame
        frame = follower.frames.get(window.frame)
        if frame:
            sentence(box, context, frame_text(frame))


def _counts(job):
    counts = job["counts"]
    if not counts["all"] or job["status"] in ("refused", "inspecting"):
        return _STATUS_WORDS[job["status"]]
    if job["status"] == "completed":
        return f"all {counts['all']} verified"
    return f"{counts['accepted']} of {counts['all']}, {_STATUS_WORDS[job['status']]}"


def _about(job):
    counts, parts = job["counts"], []
    if job["status"] == "active":
        for name in ("waiting", "rendering", "verifying"):
            if counts[name]:
                parts.append(f"{counts[name]} {name}")
    if counts["failed"]:
        parts.append(f"{counts['failed']} failed")
    if job["frame_s"]:
        parts.append(f"{checks.duration(job['frame_s'])} a frame")
    if job["time_left_s"] is not None and job["status"] == "active":
        parts.append(f"about {checks.duration(job['time_left_s'])} left")
    text = ", ".join(parts)
    if job["waits_for"]:
        text += ("; " if text else "") + f"waits for {job['waits_for']}"
    text = text or _STATUS_WORDS[job["status"]]
    return text[:1].upper() + text[1:] + "."


def frame_text(frame):
    """What is known of a frame, as a sentence."""
    number, status = frame["number"], frame["status"]
    claim = frame.get("claim")
    if claim:
        said = {
            "open": "is being verified as a whole, as you claimed",
            "upheld": "was wrong, as you claimed",
            "dismissed": "is what the scene defines, and your claim was dismissed",
            "undecided": "could not be decided",
        }[claim["status"]]
        reason = f": {claim['reason']}" if claim.get("reason") else ""
        return f"Frame {number} {said}{reason}."
    if status == "accepted" and frame.get("verdict"):
        verdict = frame["verdict"]
        names = ", ".join(node["name"] for node in verdict["verifiers"])
        worker = (frame.get("worker") or {}).get("name", "a worker")
        return f"Frame {number}, rendered by {worker}, was verified by {names} on {verdict['probes']} probes."
    if frame.get("last_error"):
        return f"Frame {number} is {status}; its last attempt ended with: {frame['last_error']}"
    return f"Frame {number} is {status}."


CLASSES = (CANDELA_PT_main, CANDELA_PT_submit, CANDELA_PT_jobs)
