# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a Blender: installs the add-on as a user does, and uses it against a real network.

Started by `run.py`. What happened is written to the settings' `out`, one JSON object; the process
leaves with 0 only if every step held.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from in_blender import (  # noqa: E402
    FOLDER,
    SETTINGS,
    WAIT_S,
    control,
    empty_file,
    install,
    preferences,
    scene_with,
    until,
)

TOLD = {"blender": bpy.app.version_string, "steps": []}


class Steps:
    """Each method is a step; they run in this order, on what the ones before left."""

    def __init__(self, addon, name):
        self.addon, self.name = addon, name
        self.state = addon.state.STATE
        self.path = os.path.join(FOLDER, "shot one", "scene ä.blend")

    def fails(self, call, *words):
        """An operator that has to refuse, with a sentence that holds these words."""
        self.state.say(None)
        try:
            call()
            text = self.state.error or self.state.connection.text
        except RuntimeError as error:
            text = str(error)
        for word in words:
            assert word in text, f"{word!r} is not in {text!r}"
        return text.strip()

    def until(self, what, holds, seconds=WAIT_S):
        until(self.addon, what, holds, seconds)

    def connect_to_nobody(self):
        for address, word in [
            ("", "address"),
            ("ftp://x", "address"),
            ("http://127.0.0.1:9", "answers"),
        ]:
            preferences(self.name).address = address
            try:
                bpy.ops.candela.connect()
            except RuntimeError:
                pass
            connection = self.state.connection
            self.until("the answer", lambda: self.state.connection.status == "FAILED", 30)
            assert word in self.state.connection.text, self.state.connection.text
            del connection
        empty_file()
        return self.fails(bpy.ops.candela.submit, "connect")

    def ask(self, address, token):
        preferences(self.name).address = address
        preferences(self.name).token = token
        try:
            bpy.ops.candela.connect()
        except RuntimeError:
            pass
        self.until("an answer", lambda: self.state.connection.status in ("ON", "FAILED"), 60)
        return self.state.connection

    def connect_with_wrong_tokens(self):
        """Each is refused with what is wrong with it."""
        if SETTINGS["manager"] == SETTINGS["local"]:
            return "skipped: this machine has no other address, and tokens aren't asked for here"
        told = {}
        if hasattr(bpy.app, "online_access") and not bpy.app.online_access:
            told["offline"] = self.ask(SETTINGS["manager"], "x").text
            assert "offline" in told["offline"], told
            bpy.context.preferences.system.use_online_access = True
        # The one that expires is a second old at last.
        time.sleep(1)
        for kind, token in SETTINGS["wrong"].items():
            connection = self.ask(SETTINGS["manager"], token)
            assert connection.status == "FAILED", (kind, connection.text)
            told[kind] = connection.text
        assert len(set(told.values())) == len(told), told
        connection = self.ask(SETTINGS["manager"], SETTINGS["look"])
        assert connection.status == "ON" and "only lets you look" in connection.text
        scene_with(self.path)
        told["look"] = self.fails(bpy.ops.candela.submit, "only lets you look")
        return told

    def connect(self):
        connection = self.ask(SETTINGS["manager"], SETTINGS["token"])
        assert connection.status == "ON", connection.text
        return connection.text

    def check_finds_and_mends(self):
        scene_with(self.path)
        scene = bpy.context.scene
        scene.render.engine = "BLENDER_WORKBENCH"
        scene.camera = None
        scene.cycles.time_limit = 5
        scene.render.use_freestyle = True
        for layer in scene.view_layers:
            layer.use_freestyle = True
        scene.candela.frames_from, scene.candela.frames_text = "TEXT", "9-1"
        bpy.ops.mesh.primitive_plane_add()
        cloth = bpy.context.view_layer.objects.active
        cloth.modifiers.new("Cloth", "CLOTH")
        image = bpy.data.images.new("gone", 4, 4)
        image.source, image.filepath = "FILE", "//textures/gone.png"
        bpy.ops.candela.check()
        codes = sorted(f.code for f in self.state.findings if f.level == "ERROR")
        want = "files_missing files_missing no_camera output_not_checkable render_engine_not_cycles"
        want = sorted([*want.split(), "simulation_not_baked", "time_limit_set", ""])
        assert codes == want, codes
        self.fails(bpy.ops.candela.submit, "Not submitted", "more below")
        for finding in list(self.state.findings):
            if finding.fix and finding.fix not in ("FIND_FILES", "SAVE", "SHOW_IMAGE"):
                bpy.ops.candela.fix(fix=finding.fix, target=finding.target)
        assert scene.render.engine == "CYCLES" and scene.camera is not None
        assert scene.cycles.time_limit == 0 and not scene.render.use_freestyle
        assert bpy.context.view_layer.objects.active == cloth, "the cloth is selected"
        bpy.data.objects.remove(cloth)
        bpy.data.images.remove(image)
        scene.candela.frames_text = "1-2"
        bpy.ops.candela.check()
        left = [finding.text for finding in self.state.findings if finding.level == "ERROR"]
        assert not left, left
        return codes

    def folders_that_can_not_be_written(self):
        scene_with(self.path)
        file = os.path.join(FOLDER, "a file")
        open(file, "wb").close()
        bpy.context.scene.candela.folder = os.path.join(file, "frames")
        return self.fails(bpy.ops.candela.submit, "is a file", "another folder")

    def a_file_that_was_never_saved(self):
        empty_file()
        return self.fails(bpy.ops.candela.submit, "never saved")

    def submit_and_receive(self):
        """Textures by a relative and an absolute path: both have to arrive, and nothing here changes."""
        scene_with(self.path, ("plain", "relative", "absolute"))
        scene = bpy.context.scene
        scene.candela.notes = "for the client"
        # Not saved since: what is submitted is what is open.
        scene.candela.name = "odd name ü / 1"
        before = {image.name: image.filepath for image in bpy.data.images}
        file_before = os.stat(self.path)
        bpy.ops.candela.submit()
        assert self.state.submission.goes_on, "it doesn't wait"
        assert self.state.submission.packed.remaps, "a path is absolute"
        self.until("submitted", lambda: not self.state.submission.goes_on)
        assert self.state.submission.phase == "DONE", self.state.submission.text
        self.until("the job", lambda: self.state.submission.job is not None, 5)
        self.job = self.state.submission.job
        assert {image.name: image.filepath for image in bpy.data.images} == before
        assert os.stat(self.path).st_mtime_ns == file_before.st_mtime_ns
        assert bpy.data.filepath == self.path
        record = self.frames_of(self.job, 2)
        assert record.frames_folder.endswith(f"odd name ü _ 1-{self.job}"), record.frames_folder
        names = sorted(os.listdir(record.frames_folder))
        assert names == ["0001.png", "0002.png"], names
        return {
            "job": self.job,
            "folder": record.frames_folder,
            "took_s": self.state.submission.took_s,
        }

    def frames_of(self, job, count):
        """Waits until a job is over and its frames are here."""
        follow = self.addon.follow
        of = lambda: follow.of(self.state.connection.client.address, job)  # noqa: E731
        self.until("followed", lambda: of() is not None, 10)
        self.until("over", lambda: of().status in ("OVER", "FAILED"))
        assert of().status == "OVER", of().text
        assert of().summary["status"] == "completed", (of().summary, of().text)
        assert of().done == count, of().record.files
        return of().record

    def show_and_compare(self):
        """One's own render of the frame is what the network's is: with the same engine to the bit, nearly."""
        scene = bpy.context.scene
        for way in ("FRAME", "SEQUENCE"):
            bpy.ops.candela.show(job=self.job, frame=1, way=way)
        text = self.fails(lambda: bpy.ops.candela.show(job=self.job, frame=77), "Frame 77")
        scene.render.threads_mode, scene.render.threads = "FIXED", 1
        scene.frame_set(1)
        bpy.ops.render.render()
        show = self.addon.operators_show
        theirs = show.load(show.files_of(self.job)[1])
        image, largest, mean = show.compare(bpy.context, theirs, "DIFFERENCE")
        bpy.ops.candela.show(job=self.job, frame=1, way="SPLIT")
        assert tuple(image.size) == (160, 120), tuple(image.size)
        # Textures that had not arrived would be magenta; noise of other versions is small on average.
        assert mean < 0.02, mean
        if bpy.app.version[:3] == (4, 5, 15):
            assert largest < 0.02, largest
        return {"largest": largest, "mean": mean, "no_frame": text}

    def layout_of_the_command_line(self):
        """The same names for the same files as the engine's `dependencies` gives; see its test."""
        line = lambda path, absolute, files, library=None: {  # noqa: E731
            "path": path,
            "absolute": absolute,
            "files": files,
            "library": library,
            "exists": bool(files),
        }
        tree, font = "/data/me/lib/tree.blend", "/usr/fonts/a.ttf"
        lines = [
            line("//../lib/tree.blend", tree, [tree]),
            line("//bark.png", "/data/me/lib/bark.png", ["/data/me/lib/bark.png"], tree),
            line(font, font, [font]),
            line(
                "/data/me/shot/t.<UDIM>.png",
                "/data/me/shot/t.<UDIM>.png",
                ["/data/me/shot/t.1001.png"],
            ),
            line("/usr/fonts/b.png", "/usr/fonts/b.png", ["/usr/fonts/b.png"], tree),
            line("//gone.png", "/gone.png", []),
        ]
        main = "/data/me/shot/scene.blend"
        layout = self.addon.pack.Layout(main, lines)
        names = sorted(layout.files())
        outside = names[0].rsplit("/", 1)[0]
        assert outside.startswith("_outside/") and len(outside) == len("_outside/") + 8, names
        want = [f"{outside}/a.ttf", f"{outside}/b.png", "lib/bark.png", "lib/tree.blend"]
        assert names == [*want, "shot/scene.blend", "shot/t.1001.png"], names
        assert layout.remaps[main][font] == f"//../{outside}/a.ttf", layout.remaps
        assert layout.remaps[main]["/data/me/shot/t.<UDIM>.png"] == "//t.<UDIM>.png"
        assert layout.remaps[tree] == {"/usr/fonts/b.png": f"//../{outside}/b.png"}
        return names

    def libraries_tiles_and_sequences(self):
        """All are named by absolute paths, some in a library elsewhere: the picture is one's own."""
        library = os.path.join(FOLDER, "library ü", "ball.blend")
        scene_with(library, ("absolute",))
        scene = bpy.context.scene
        next(o for o in scene.objects if o.name.startswith("Sphere")).name = "ball"
        bpy.ops.wm.save_as_mainfile(filepath=library, relative_remap=False)
        scene_with(self.path, ("tiles", "sequence"))
        with bpy.data.libraries.load(library, link=True, relative=False) as (_, wanted):
            wanted.objects = ["ball"]
        bpy.context.scene.collection.objects.link(bpy.data.objects["ball"])
        bpy.data.objects["ball"].library.filepath = library
        bpy.ops.wm.save_as_mainfile(filepath=self.path, relative_remap=False)
        scene = bpy.context.scene
        scene.frame_start = scene.frame_end = 2
        bpy.ops.candela.submit()
        packed = self.state.submission.packed
        self.until("submitted", lambda: not self.state.submission.goes_on)
        assert self.state.submission.phase == "DONE", self.state.submission.text
        names = sorted(packed.files)
        self.frames_of(self.state.submission.job, 1)
        follower = self.addon.follow.of(
            self.state.connection.client.address, self.state.submission.job
        )
        assert not follower.summary.get("refusals"), follower.summary
        scene.render.threads_mode, scene.render.threads = "FIXED", 1
        scene.frame_set(2)
        bpy.ops.render.render()
        show = self.addon.operators_show
        theirs = show.load(show.files_of(self.state.submission.job)[2])
        _, largest, mean = show.compare(bpy.context, theirs, "DIFFERENCE")
        assert mean < 0.02, mean
        if bpy.app.version[:3] == (4, 5, 15):
            assert largest < 0.02, largest
        return {"names": names, "largest": largest, "mean": mean}

    def save_a_scene(self):
        """For the examples: one file that holds all it needs."""
        path = os.path.join(FOLDER, "example", "example.blend")
        scene_with(path)
        return path

    def message_at_the_end(self):
        """The desktop's own program was told, and a title can't be taken for an option."""
        words = []

        def told():
            if os.path.exists(SETTINGS["messages"]):
                with open(SETTINGS["messages"], encoding="utf-8") as file:
                    words[:] = file.read().splitlines()
            return any("2 frames" in word for word in words)

        self.until("the message", told, 30)
        at = words.index("Candela: odd name ü / 1")
        assert words[at - 1] == "--" and "2 frames" in words[at + 1], words
        command = self.addon.notify.command
        for platform, program in (("darwin", "osascript"), ("win32", "powershell")):
            made = command("a'; b", "c", platform)
            assert made[0] == program and not any("a'; b" in word for word in made[:-2]), made
        return words[at + 1]

    def two_blenders_submit_at_once(self):
        """The same file, from two Blenders with the same preferences and records."""
        scene_with(self.path, ("relative", "absolute"))
        settings = {**SETTINGS, "installed": self.name, "only": ["connect", "submit_what_is_saved"]}
        settings["out"], settings["scene"] = SETTINGS["out"] + ".second", self.path
        environment = {**os.environ, "CANDELA_TEST": SETTINGS["out"] + ".settings"}
        with open(environment["CANDELA_TEST"], "w", encoding="utf-8") as file:
            json.dump(settings, file)
        start = [sys.executable, __file__]
        if bpy.app.binary_path:
            start = [bpy.app.binary_path, "-b", "--factory-startup", "--python", __file__]
        with open(SETTINGS["out"] + ".log", "wb") as log:
            other = subprocess.Popen(start, env=environment, stdout=log, stderr=subprocess.STDOUT)
        own = self.submit_what_is_saved()
        self.until("the other one", lambda: other.poll() is not None)
        with open(settings["out"], encoding="utf-8") as file:
            told = json.load(file)
        assert other.returncode == 0, told
        theirs = told["steps"][-1]["result"]
        assert own["job"] != theirs["job"] and own["folder"] != theirs["folder"], (own, theirs)
        return [own, theirs]

    def submit_what_is_saved(self):
        bpy.ops.wm.open_mainfile(filepath=SETTINGS.get("scene", self.path))
        bpy.ops.candela.submit()
        self.until("submitted", lambda: not self.state.submission.goes_on)
        assert self.state.submission.phase == "DONE", self.state.submission.text
        job = self.state.submission.job
        return {"job": job, "folder": self.frames_of(job, 2).frames_folder}

    def submit_again(self):
        """The same scene again: pictures and what else is large is known. `resubmit.py` measures it."""
        first = self.state.submission
        bpy.ops.candela.submit()
        self.until("submitted", lambda: not self.state.submission.goes_on)
        again = self.state.submission
        assert again is not first and again.phase == "DONE", again.text
        assert again.known >= 100_000 and again.sent < first.bytes, (again.known, again.sent)
        # What lies between two near gaps is sent along.
        assert again.known + again.sent >= again.bytes, (again.known, again.sent, again.bytes)
        self.frames_of(again.job, 2)
        return {"bytes": again.bytes, "first": first.sent, "again": again.sent}

    def dispute(self):
        """A claim on a right frame is dismissed, with a reason."""
        bpy.ops.candela.dispute(job=self.job, frame=2, comment="I don't like it")
        follow, address = self.addon.follow, self.state.connection.client.address

        def decided():
            follower = follow.of(address, self.job)
            claim = (follower.frames.get(2) or {}).get("claim") if follower else None
            return bool(claim) and claim["status"] != "open"

        self.until("decided", decided)
        claim = follow.of(address, self.job).frames[2]["claim"]
        assert claim["status"] == "dismissed", claim
        self.until("followed to the end", lambda: not follow.any_on())
        bpy.ops.candela.dispute(job=self.job, frame=2)
        self.until("the refusal", lambda: self.state.error, 30)
        return {
            "text": self.addon.panel.frame_text(follow.of(address, self.job).frames[2]),
            "twice": self.state.error,
        }

    def cancel_and_retry(self):
        """A job is cancelled with its frames open, tried again, and comes to its end."""
        scene_with(self.path, samples=512)
        scene = bpy.context.scene
        scene.candela.use_samples, scene.candela.samples = True, 16
        scene.candela.frames_from, scene.candela.frames_text = "TEXT", "1-3"
        bpy.ops.candela.submit()
        self.until("submitted", lambda: not self.state.submission.goes_on)
        job = self.state.submission.job
        self.until("listed", lambda: self.state.job(job) is not None, 10)
        bpy.ops.candela.cancel_job(job=job)
        self.until("cancelled", lambda: self.state.job(job)["status"] == "cancelled", 30)
        self.until("not followed", lambda: not self.addon.follow.any_on(), 30)
        bpy.ops.candela.retry_job(job=job)
        address = self.state.connection.client.address
        # A job that was cancelled before it was looked at has no frames to try again.
        self.until(
            "tried again, or refused",
            lambda: self.state.error or self.addon.follow.of(address, job).status == "ON",
            30,
        )
        if self.addon.follow.of(address, job).status != "ON":
            return f"refused: {self.state.error}"
        self.frames_of(job, 3)
        return "completed"

    def cancel_a_submission(self):
        """Nothing is submitted, and nothing is left in the temporary folder."""
        scene_with(self.path)
        packed_folders = set(_temporary())
        bpy.ops.candela.submit()
        bpy.ops.candela.cancel_submit()
        self.until("ended", lambda: not self.state.submission.goes_on, 60)
        phase = self.state.submission.phase
        assert phase in ("CANCELLED", "DONE"), phase
        self.until("told", lambda: not self.addon.state.is_busy(), 30)
        assert set(_temporary()) <= packed_folders, _temporary()
        return phase

    def the_manager_goes_away(self):
        """While it is away the submission waits and says so; when it is back all goes on by itself."""
        scene_with(self.path)
        control("kill")
        bpy.ops.candela.submit()
        submission = self.state.submission
        self.until("waits", lambda: submission.waits_for or not submission.goes_on, 30)
        waits = submission.waits_for
        assert submission.goes_on, submission.text
        control("start")
        self.until("submitted", lambda: not submission.goes_on)
        assert submission.phase == "DONE", submission.text
        follow, address = self.addon.follow, self.state.connection.client.address
        self.until("followed", lambda: follow.of(address, submission.job) is not None, 10)
        follower = follow.of(address, submission.job)
        # Again, while its frames are awaited.
        self.until("frames are known", lambda: follower.frames, 60)
        control("kill")
        time.sleep(1)
        control("start")
        self.frames_of(submission.job, 2)
        return waits

    def resume_after_a_restart(self):
        """Frames that are missing in the folder of a job that isn't over come when the add-on starts."""
        records = self.addon.records
        address = self.state.connection.client.address
        record = records.load(records.folder(), address, self.job)
        shutil.rmtree(record.frames_folder)
        record.values["over"] = False
        record.save()
        bpy.ops.preferences.addon_disable(module=self.name)
        self.addon.follow.stop_all()
        bpy.ops.preferences.addon_enable(module=self.name)
        self.addon = sys.modules[self.name]
        self.state = self.addon.state.STATE
        # Unlike a restart, this forgets the preferences.
        assert self.ask(SETTINGS["manager"], SETTINGS["token"]).status == "ON"
        record = self.frames_of(self.job, 2)
        assert len(os.listdir(record.frames_folder)) == 2
        return "frames came again"

    def fetch_a_job_from_elsewhere(self):
        """Into a folder that can't be written, which is told, and then into one that can."""
        scene_with(self.path)
        records, address = self.addon.records, self.state.connection.client.address
        os.remove(records.load(records.folder(), address, self.job).path)
        self.addon.follow.stop_all()
        bpy.ops.candela.refresh()
        self.until("listed", lambda: self.state.job(self.job) is not None, 20)
        wanted, follow = bpy.context.scene.candela, self.addon.follow
        wanted.folder = os.path.join(FOLDER, "a file", "frames")
        bpy.ops.candela.fetch(job=self.job)
        self.until("told", lambda: follow.of(address, self.job).status == "FAILED", 20)
        text = follow.of(address, self.job).text
        assert "choose another folder" in text, text
        wanted.folder = os.path.join(FOLDER, "fetched", "{job}")
        bpy.ops.candela.fetch(job=self.job)
        self.frames_of(self.job, 2)
        names = sorted(os.listdir(os.path.join(FOLDER, "fetched", str(self.job))))
        assert names == ["0001.png", "0002.png"], names
        return text

    def a_token_that_is_taken_back(self):
        """While it's used: the next request says so, and with another token all goes on."""
        owner = self.addon.candela_client.Client(SETTINGS["local"])
        made = owner.make_token("short", ["read", "submit"], user="ada")
        assert self.ask(SETTINGS["manager"], made["token"]).status == "ON"
        owner.revoke_token(made["info"]["id"])
        if SETTINGS["manager"] == SETTINGS["local"]:
            return "skipped: tokens aren't asked for here"
        scene_with(self.path)
        bpy.ops.candela.submit()
        self.until("refused", lambda: self.state.error, 60)
        text = self.state.error
        assert text.startswith("Not submitted.") and "taken back" in text, text
        bpy.ops.candela.refresh()
        self.until("told", lambda: self.state.connection.status == "FAILED", 30)
        assert self.ask(SETTINGS["manager"], SETTINGS["token"]).status == "ON"
        return text

    def two_at_once(self):
        """Another Blender has the job: this one waits, and takes it over when the other is gone."""
        records = self.addon.records
        address = self.state.connection.client.address
        record = records.load(records.folder(), address, self.job)
        record.values["over"] = False
        record.save()
        with open(record.path + ".lock", "w", encoding="utf-8") as file:
            file.write("another")
        follower = self.addon.operators_jobs.follow_job(record)
        self.until("waits", lambda: follower.status == "WAITING", 20)
        old = time.time() - 2 * records.LOCK_S
        os.utime(record.path + ".lock", (old, old))
        self.until("taken over", lambda: follower.status == "OVER", 60)
        return "taken over"

    def a_file_that_changes(self):
        """A texture that is written to while it is sent: it is packed again, and the job goes on."""
        scene_with(self.path, ("relative",))
        texture = os.path.join(os.path.dirname(self.path), "textures", "relative ü.png")
        with open(texture, "rb") as file:
            data = file.read()
        stop = threading.Event()

        def write():
            while not stop.wait(0.002):
                os.utime(texture)

        thread = threading.Thread(target=write)
        thread.start()
        bpy.ops.candela.submit()
        submission = self.state.submission
        self.until("noticed", lambda: "changed" in submission.text or not submission.goes_on, 60)
        noticed = submission.text
        stop.set()
        thread.join()
        self.until("submitted", lambda: not submission.goes_on)
        assert "packing again" in noticed, noticed
        assert submission.phase == "DONE", submission.text
        with open(texture, "rb") as file:
            assert file.read() == data
        self.frames_of(submission.job, 2)
        return noticed

    def the_token_is_in_no_blend(self):
        preferences(self.name).token = "secret-of-this-test"
        path = os.path.join(FOLDER, "with token.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path, compress=False, copy=True)
        with open(path, "rb") as file:
            assert b"secret-of-this-test" not in file.read()
        records = self.addon.records.folder()
        for name in os.listdir(records):
            with open(os.path.join(records, name), "rb") as file:
                assert b"secret-of-this-test" not in file.read(), name
        return "it isn't"

    def switch_off(self):
        bpy.ops.preferences.addon_disable(module=self.name)
        names = [t.name for t in threading.enumerate() if t.name.startswith("candela-job")]
        assert not names, names
        assert not hasattr(bpy.types.Scene, "candela")
        return "off"


ORDER = """
connect_to_nobody connect_with_wrong_tokens connect
check_finds_and_mends folders_that_can_not_be_written a_file_that_was_never_saved
submit_and_receive message_at_the_end show_and_compare submit_again
layout_of_the_command_line libraries_tiles_and_sequences
dispute cancel_a_submission cancel_and_retry a_file_that_changes
the_manager_goes_away resume_after_a_restart two_at_once two_blenders_submit_at_once
fetch_a_job_from_elsewhere a_token_that_is_taken_back
the_token_is_in_no_blend switch_off
""".split()


def _temporary():
    folder = tempfile.gettempdir()
    return [name for name in os.listdir(folder) if name.startswith("candela-")]


def main():
    """Runs all steps; the first that fails ends it."""
    os.makedirs(FOLDER, exist_ok=True)
    steps = Steps(*install())
    for name in SETTINGS.get("only") or ORDER:
        begin = time.monotonic()
        told = {"step": name}
        TOLD["steps"].append(told)
        try:
            told["result"] = getattr(steps, name)()
        except BaseException:
            told["failed"] = traceback.format_exc()
            raise
        finally:
            told["seconds"] = round(time.monotonic() - begin, 2)
            print("step", json.dumps(told, default=str), flush=True)
            with open(SETTINGS["out"], "w", encoding="utf-8") as file:
                json.dump(TOLD, file, indent=1, default=str)


if __name__ == "__main__":
    CODE = 0
    try:
        main()
    except BaseException:
        traceback.print_exc()
        CODE = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender as a module may hang at a normal exit.
    os._exit(CODE)
