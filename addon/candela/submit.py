# SPDX-License-Identifier: GPL-3.0-or-later
"""One submission, from the packed scene to the job: in a thread, with progress, and cancellable."""

import os
import shutil
import threading
import time
import uuid

from . import pack, records, state
from .candela_client import Cancelled, CandelaError, Client, FileChanged

# Files may be written while they are read; whoever writes all the time is told so.
TRIES = 3


class Submission:
    """`phase` is PATHS, UPLOADING, SUBMITTING, DONE, FAILED or CANCELLED; `text` is a sentence.

    Threads write plain attributes, the main thread reads them: each is one value.
    """

    def __init__(self, packed, request, record, address, token):
        self.packed = packed
        self.request = {"submission_id": uuid.uuid4().hex, **request}
        self.record = record
        self.phase, self.text = "PATHS", "Finding out what the network has already"
        self.waits_for = None
        self.bytes = self.hashed = self.sent = self.known = 0
        self.began_at, self.took_s = time.monotonic(), None
        self.job = None
        self.cancel = threading.Event()
        self._program = pack.program()
        self._records_folder = records.folder()
        self._client = Client(
            address, token, patience_s=600, cancel=self.cancel, on_wait=self._waits
        )

    @property
    def goes_on(self):
        """Whether it is still under way."""
        return self.phase in ("PATHS", "UPLOADING", "SUBMITTING")

    @property
    def share(self):
        """How far it is, from 0 to 1: all bytes are read, and are sent or known."""
        return min(1.0, (self.hashed + self.sent + self.known) / max(1, 2 * self.bytes))

    def give_up(self):
        """Blender ends, or the add-on is switched off: nothing is left in the temporary folder."""
        self.cancel.set()
        shutil.rmtree(self.packed.folder, ignore_errors=True)

    def _waits(self, text):
        self.waits_for = text

    def _told(self, progress):
        self.bytes, self.hashed = progress.bytes, progress.hashed
        self.sent, self.known = progress.sent, progress.known

    def run(self):
        """In a thread; returns the job's summary."""
        try:
            if self.packed.remaps:
                self.text = "Making paths relative, in a copy"
                pack.repath(self.packed, self._program, self.cancel)
            self._client._transport.check()
            self.request["scene"] = {"main_file": self.packed.main_file, "files": self._upload()}
            self.phase, self.text = "SUBMITTING", "Submitting the job"
            summary = self._client.submit(self.request)
            self.job = summary["id"]
            # What makes the frames come is written down before anything else.
            made = records.make(
                self._records_folder,
                self._client.address,
                self.job,
                summary["name"],
                self.record["folder"](self.job),
                notes=self.record["notes"],
                blend=self.record["blend"],
                scene=self.record["scene"],
            )
            self.took_s = time.monotonic() - self.began_at
            self.phase, self.text = "DONE", f"Job {self.job} is submitted."
            return summary, made
        except Cancelled:
            self.phase, self.text = (
                "CANCELLED",
                "The submission was cancelled; nothing was submitted.",
            )
            raise
        except CandelaError as error:
            cancelled = self.cancel.is_set()
            self.phase = "CANCELLED" if cancelled else "FAILED"
            self.text = str(error)
            raise
        except Exception:
            self.phase, self.text = "FAILED", "The add-on failed: see Blender's console."
            raise
        finally:
            self._client.close()
            shutil.rmtree(self.packed.folder, ignore_errors=True)

    def _upload(self):
        self.phase, self.text = "UPLOADING", "Uploading"
        for attempt in range(1, TRIES + 1):
            try:
                return self._client.upload_scene(self.packed.files, self._told)
            except FileChanged as error:
                # What arrived is not sent again, so reading everything anew is cheap.
                name = os.path.basename(error.path)
                if attempt == TRIES:
                    raise CandelaError(
                        f"{name} is written to all the time ({error.path})",
                        "submit again when whatever writes it has ended",
                    ) from error
                self.text = f"{name} changed while it was sent: packing again"
                self._client._transport.rest(1.0)
        raise AssertionError("the last attempt returns or raises")


def begin(submission, done):
    """Runs a submission in a thread; `done(result, error)` is called on the main thread."""
    state.background("submit", submission.run, done)
