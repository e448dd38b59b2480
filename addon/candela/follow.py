# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows jobs in threads: their frames land in their folder as they are verified."""

import os
import threading
import time

from . import state
from .candela_client import TERMINAL, CandelaError, Client, Refusal
from .candela_client import outputs
from .candela_client.client import safe_name

# While another Blender has the job, its lock is looked at so often.
LOOK_S = 5.0
# The lock is kept fresh so often.
TOUCH_S = 5.0

_followers = {}


class Follower:
    """Of one job. `status`: WAITING (another Blender does it), ON, OVER or FAILED; `text` a sentence.

    `done` frames of `verified` are in the folder. `last` is the path of the frame that came last.
    """

    def __init__(self, record, address, token, on_change, on_end):
        self.record = record
        self._stopped = threading.Event()
        self.client = Client(address, token, patience_s=600, cancel=self._stopped)
        self.status, self.text = "ON", ""
        self.frames, self.last = {}, None
        self.summary = None
        self.verified = 0
        self._on_change, self._on_end = on_change, on_end
        self._stream = None

    @property
    def done(self):
        """How many frames are in the folder."""
        return len(self.record.files)

    def stop(self):
        """Ends it; what is in the folder stays."""
        self._stopped.set()
        if self._stream is not None:
            self._stream.close()

    def run(self):
        """In its thread, until the job is over."""
        touch = threading.Thread(target=self._touch, daemon=True, name="candela-lock")
        try:
            while not self._stopped.is_set() and not self.record.take():
                self.status, self.text = "WAITING", "Another Blender fetches the frames."
                self._tell()
                self._stopped.wait(LOOK_S)
            if self._stopped.is_set():
                return
            self.status, self.text = "ON", ""
            touch.start()
            outputs.prepare_folder(self.record.frames_folder)
            self._follow()
            if not self._stopped.is_set():
                self.status = "OVER"
                self.record.values["over"] = True
                self.record.save()
        except CandelaError as error:
            if not self._stopped.is_set():
                self.status, self.text = "FAILED", str(error)
                if isinstance(error, Refusal) and error.code == "no_such_job":
                    self.text = f"The manager doesn't have job {self.record.job} any more."
                    self.record.values["over"] = True
                    self.record.save()
        finally:
            self._stopped.set()
            self.record.let_go()
            self.client.close()
            self._tell()
            state.post(self._on_end, self)

    def _touch(self):
        while not self._stopped.wait(TOUCH_S):
            self.record.take()

    def _tell(self):
        state.post(self._on_change, self)

    def _follow(self):
        job = self.record.job
        self._stream = self.client.events(job)
        for name, data in self._stream:
            if name == "reset":
                self.summary = self.client.job(job)
                self._take(self.client.frames(job))
            elif name == "job":
                before = (self.summary or {}).get("counts", {}).get("all")
                self.summary = {**(self.summary or {}), **data}
                if data["counts"]["all"] != before:
                    # New frames are not told one by one.
                    self._take(self.client.frames(job))
            elif name == "frame":
                self._take([data["frame"]])
            self._tell()
            if self._is_over():
                # What was verified in the moment in which the job ended.
                self.summary = self.client.job(job)
                self._take(self.client.frames(job))
                if self._is_over():
                    break
        self._stream.close()

    def _is_over(self):
        claimed = any(
            (frame.get("claim") or {}).get("status") == "open" for frame in self.frames.values()
        )
        return bool(self.summary) and self.summary["status"] in TERMINAL and not claimed

    def _take(self, frames):
        for frame in frames:
            self.frames[frame["number"]] = frame
        self.verified = sum(1 for frame in self.frames.values() if frame.get("output"))
        for frame in frames:
            if self._stopped.is_set():
                return
            if frame.get("output") and not self._has(frame):
                self._fetch(frame)

    def _has(self, frame):
        """Whether the frame is in the folder: as it was written there, and not another result of it."""
        have = self.record.files.get(str(frame["number"]))
        if not have or have["hash"] != frame["output"]["hash"]:
            return False
        path = os.path.join(self.record.frames_folder, safe_name(frame["output"]["file_name"]))
        try:
            return os.path.getsize(path) == frame["output"]["bytes"]
        except OSError:
            return False

    def _fetch(self, frame):
        try:
            path = self.client.fetch_frame(self.record.job, frame, self.record.frames_folder)
        except Refusal as refusal:
            if refusal.code in ("frame_not_ready", "no_such_frame"):
                # It was opened again meanwhile; its next result is told.
                return
            raise
        output = frame["output"]
        self.record.files[str(frame["number"])] = {
            "hash": output["hash"],
            "bytes": output["bytes"],
            "name": os.path.basename(path),
        }
        self.record.save()
        self.last = path
        self._tell()


def begin(record, address, token, on_change, on_end):
    """Follows a job unless it is followed already. On the main thread."""
    key = (record.manager, record.job)
    there = _followers.get(key)
    if there is not None and there.status in ("ON", "WAITING"):
        return there
    follower = Follower(record, address, token, on_change, on_end)
    _followers[key] = follower
    threading.Thread(target=follower.run, name=f"candela-job-{record.job}", daemon=True).start()
    return follower


def of(manager, job):
    """Who follows a job, or followed it; None if nobody did since Blender started."""
    return _followers.get((manager, job))


def any_on():
    """Whether a job is followed now."""
    return any(follower.status == "ON" for follower in _followers.values())


def stop_all():
    """Ends all; they are taken up again when Blender starts again."""
    for follower in _followers.values():
        follower.stop()
    end = time.monotonic() + 2
    while any(t.name.startswith("candela-job-") for t in threading.enumerate()):
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    _followers.clear()
