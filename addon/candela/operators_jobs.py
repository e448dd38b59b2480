# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators about the manager and one's jobs: connect, list, cancel, retry, fetch, dispute."""

import time

import bpy

from . import follow, notify, preferences, records, settings, state
from .candela_client import CandelaError, Client, Refusal
from .state import STATE, Connection

# The list is read anew so often while it is seen and nothing is followed.
LIST_S = 20.0
JOBS_SHOWN = 20


def whose(connection):
    """The name of the user whose jobs are shown."""
    return connection.user or preferences.user_name(preferences.get())


class CandelaConnect(bpy.types.Operator):
    """Ask the manager whether it is there, and who you are to it"""

    bl_idname = "candela.connect"
    bl_label = "Connect"

    def execute(self, context):
        """Called by Blender."""
        try:
            connect(context)
        except CandelaError as error:
            STATE.connection = Connection("FAILED", str(error))
            self.report({"ERROR"}, str(error))
            state.redraw()
            return {"CANCELLED"}
        return {"FINISHED"}


def connect(context):
    """Begins to connect; the panel shows what comes of it."""
    preference = preferences.get(context)
    preferences.check_online(preference.address)
    client = Client(preference.address, preference.token, patience_s=5)
    connection = Connection("TESTING", "Asking the manager …", client)
    STATE.connection = connection
    state.redraw()
    state.background("connect", lambda: _look(client), lambda r, e: _looked(connection, r, e))


def _look(client):
    client.health()
    try:
        account = client.account()
    except Refusal as refusal:
        if refusal.code == "not_found":
            raise CandelaError(
                f"the manager at {client.address} is older than this add-on", "have it updated"
            ) from refusal
        raise
    engines = sorted({engine for node in client.nodes() for engine in node["engines"]})
    return account, client.network(), engines


def _looked(connection, result, error):
    if STATE.connection is not connection:
        return
    if error is not None:
        connection.status, connection.text = "FAILED", str(error)
        state.redraw()
        return
    connection.account, connection.network, connection.engines = result
    connection.status = "ON"
    who = f", as {connection.user}" if connection.user else ""
    connection.text = f"Connected to {connection.client.address}{who}"
    if not connection.may_submit():
        connection.text += "; the token only lets you look"
    state.redraw()
    resume()
    read_jobs()


def connect_if_known():
    """When Blender starts: jobs whose frames are still to come are followed again."""
    try:
        preference = preferences.get()
        client = Client(preference.address, preference.token)
        open_ones = [r for r in records.load_all(records.folder(), client.address) if not r.over]
        if open_ones or preference.token:
            connect(bpy.context)
    except (CandelaError, KeyError):
        # The panel tells when it is pressed.
        return


def resume():
    """Follows the jobs of this manager whose frames are still to come."""
    for record in records.load_all(records.folder(), STATE.connection.client.address):
        if not record.over:
            follow_job(record)


def follow_job(record):
    """Has a job's frames land in their folder."""
    preference = preferences.get()
    return follow.begin(record, preference.address, preference.token, _changed, _ended)


def _changed(follower):
    if follower.summary is not None and STATE.connection.status == "ON":
        STATE.learn_job(follower.summary)
    state.redraw()


def _ended(follower):
    state.redraw()
    if follower.status != "OVER":
        return
    text = ending(follower)
    STATE.say(text, "INFO" if follower.summary["status"] == "completed" else "ERROR")
    if preferences.get().messages:
        notify.send(f"Candela: {follower.record.name}", text)


def ending(follower):
    """What came of a job, as a sentence."""
    summary, job = follower.summary, follower.record.job
    accepted, every = summary["counts"]["accepted"], summary["counts"]["all"]
    where = follower.record.frames_folder
    if summary["status"] == "completed":
        return f"All {every} frames of job {job} are verified, and in {where}"
    if summary["status"] == "refused":
        why = "; ".join(refusal["message"] for refusal in summary.get("refusals", ()))
        return f"Job {job} was refused: {why or 'see its page'}."
    ended = "was cancelled" if summary["status"] == "cancelled" else "failed"
    return f"Job {job} {ended}: {accepted} of {every} frames are verified, and in {where}"


class CandelaRefresh(bpy.types.Operator):
    """Read the list of your jobs anew"""

    bl_idname = "candela.refresh"
    bl_label = "Refresh"

    def execute(self, context):
        """Called by Blender."""
        if STATE.connection.status == "ON":
            read_jobs()
        return {"FINISHED"}


def read_jobs():
    """Begins to read the list of one's jobs."""
    connection = STATE.connection
    STATE.jobs_read_at = time.monotonic()
    user = whose(connection)

    def done(page, error):
        if STATE.connection is not connection:
            return
        if error is not None:
            STATE.jobs_error = str(error)
            if isinstance(error, Refusal) and error.code == "token_not_valid":
                connection.status, connection.text = "FAILED", str(error)
        else:
            STATE.jobs_error, STATE.jobs = "", page["items"]
            _show_first()
        state.redraw()

    work = lambda: connection.client.jobs(user=user, limit=JOBS_SHOWN)  # noqa: E731
    state.background("jobs", work, done)


def _show_first():
    window = bpy.context.window_manager.candela
    if STATE.jobs and STATE.job(window.job) is None:
        window.job = STATE.jobs[0]["id"]


def read_jobs_if_old():
    """Called while the panel is seen."""
    old = time.monotonic() - STATE.jobs_read_at > LIST_S
    if STATE.connection.status == "ON" and old and not follow.any_on():
        read_jobs()


class CandelaChooseJob(bpy.types.Operator):
    """Show this job"""

    bl_idname = "candela.choose_job"
    bl_label = "Show Job"
    bl_options = {"INTERNAL"}

    job: bpy.props.IntProperty()

    def execute(self, context):
        """Called by Blender."""
        window = context.window_manager.candela
        window.job = 0 if window.job == self.job else self.job
        state.redraw()
        return {"FINISHED"}


class _OfJob:
    """An operator that asks the manager for something about one job."""

    job: bpy.props.IntProperty()

    def ask(self, work, done):
        """Asks in a thread; `done(result)` on the main thread, and errors are shown."""
        connection = STATE.connection
        if connection.status != "ON":
            self.report({"ERROR"}, "No manager is connected: press Connect.")
            return {"CANCELLED"}

        def answered(result, error):
            if error is not None:
                STATE.say(str(error))
            else:
                done(result)

        STATE.say(None)
        state.background("ask", lambda: work(connection.client), answered)
        return {"FINISHED"}


class CandelaCancelJob(_OfJob, bpy.types.Operator):
    """End this job; its verified frames are kept"""

    bl_idname = "candela.cancel_job"
    bl_label = "Cancel Job"

    def invoke(self, context, event):
        """Called by Blender for a press of the button."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context):
        """Called by Blender."""
        job = self.job
        return self.ask(lambda client: client.cancel(job), STATE.learn_job)


class CandelaRetryJob(_OfJob, bpy.types.Operator):
    """Have failed or cancelled frames of this job tried again"""

    bl_idname = "candela.retry_job"
    bl_label = "Retry"

    def execute(self, context):
        """Called by Blender."""
        job = self.job

        def done(summary):
            STATE.learn_job(summary)
            follow_again(job)

        return self.ask(lambda client: client.retry(job), done)


def follow_again(job):
    """Follows a job that was over, if its frames are wanted here."""
    record = records.load(records.folder(), STATE.connection.client.address, job)
    if record is not None:
        record.values["over"] = False
        record.save()
        follow_job(record)


class CandelaFetch(bpy.types.Operator):
    """Have this job's frames land in the folder chosen above, now and as they are verified"""

    bl_idname = "candela.fetch"
    bl_label = "Fetch Frames"

    job: bpy.props.IntProperty()

    def execute(self, context):
        """Called by Blender."""
        connection, summary = STATE.connection, STATE.job(self.job)
        if connection.status != "ON" or summary is None:
            self.report({"ERROR"}, "The job isn't listed: press Connect, then Refresh.")
            return {"CANCELLED"}
        try:
            folder = settings.folder_of(context.scene, summary["name"], self.job)
            address, where = connection.client.address, records.folder()
            old = records.load(where, address, self.job)
            more = {"notes": old.values["notes"], "blend": old.values["blend"]} if old else {}
            if old is not None and old.frames_folder == folder:
                more["files"] = old.files
            follow_job(records.make(where, address, self.job, summary["name"], folder, **more))
        except CandelaError as error:
            self.report({"ERROR"}, str(error))
            STATE.say(str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class CandelaDispute(_OfJob, bpy.types.Operator):
    """Say that a verified frame is not what your scene defines: the whole frame is verified again.
    A claim that turns out wrong counts against you"""

    bl_idname = "candela.dispute"
    bl_label = "Claim That This Frame Is Wrong"

    frame: bpy.props.IntProperty(name="Frame")
    comment: bpy.props.StringProperty(
        name="What is wrong", description="In your words, for those who look at it later"
    )

    def invoke(self, context, event):
        """Called by Blender for a press of the button."""
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context):
        """Called by Blender: the dialog."""
        column = self.layout.column()
        column.label(text=f"Frame {self.frame} of job {self.job}", icon="ERROR")
        column.label(text="Other verifiers render the whole frame again.")
        column.label(text="If it is what your scene defines, the claim counts against you.")
        column.prop(self, "comment")

    def execute(self, context):
        """Called by Blender."""
        job, number, comment = self.job, self.frame, self.comment.strip()
        connection = STATE.connection
        user = None if connection.user else whose(connection)

        def done(claim):
            STATE.say(
                f"Frame {number} of job {job} is verified as a whole (claim {claim['id']}).", "INFO"
            )
            follow_again(job)

        return self.ask(lambda client: client.claim(job, number, comment, user), done)


class CandelaDismiss(bpy.types.Operator):
    """Take these messages away"""

    bl_idname = "candela.dismiss"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        """Called by Blender."""
        STATE.say(None)
        return {"FINISHED"}


class CandelaOpenPage(bpy.types.Operator):
    """Open this job's page of the manager in a browser"""

    bl_idname = "candela.open_page"
    bl_label = "Open Page"

    job: bpy.props.IntProperty()

    def execute(self, context):
        """Called by Blender."""
        if STATE.connection.client is None:
            return {"CANCELLED"}
        bpy.ops.wm.url_open(url=STATE.connection.client.absolute(f"/#/jobs/{self.job}"))
        return {"FINISHED"}


CLASSES = (
    CandelaConnect,
    CandelaRefresh,
    CandelaChooseJob,
    CandelaCancelJob,
    CandelaRetryJob,
    CandelaFetch,
    CandelaDispute,
    CandelaDismiss,
    CandelaOpenPage,
)
