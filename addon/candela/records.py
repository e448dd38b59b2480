# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine remembers of its jobs: which manager, which folder, which frames are there.

One small JSON file a job, in the user's own folder, so that Blender started again goes on where it
was, and two Blenders at once don't disturb each other: a file is replaced as a whole, and a job is
followed by whoever keeps its lock fresh.
"""

import contextlib
import hashlib
import json
import os
import time
import uuid

import bpy

from .candela_client import CandelaError

# A lock that was not touched for so long is nobody's: its Blender has ended.
LOCK_S = 20
# Records of jobs that ended are kept so long.
KEEP_S = 90 * 86_400

# Not the process's number: that may be another's after a restart.
OWNER = uuid.uuid4().hex


def folder():
    """Where records are kept. On the main thread."""
    with contextlib.suppress(AttributeError, ValueError):
        # As an extension, from 4.2 on.
        return os.path.join(bpy.utils.extension_path_user(__package__, create=True), "jobs")
    return os.path.join(bpy.utils.user_resource("CONFIG", path="candela", create=True), "jobs")


class Record:
    """A job that was submitted here, or whose frames are wanted here."""

    def __init__(self, path, values):
        self.path = path
        self.values = values

    manager = property(lambda self: self.values["manager"])
    job = property(lambda self: self.values["job"])
    name = property(lambda self: self.values["name"])
    frames_folder = property(lambda self: self.values["folder"])
    files = property(lambda self: self.values["files"])

    @property
    def over(self):
        """Whether nothing more has to be fetched."""
        return self.values["over"]

    def save(self):
        """Writes it, as a whole or not at all."""
        part = f"{self.path}.{OWNER[:8]}.part"
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with open(part, "w", encoding="utf-8") as file:
                json.dump(self.values, file, indent=1)
            os.replace(part, self.path)
        except OSError as error:
            raise CandelaError(
                f"the job's record can't be written to {self.path} ({error.strerror})",
                "make room there, or let it be written",
            ) from error

    def take(self):
        """Takes the job's lock, or keeps it fresh; False if another Blender has it."""
        lock = self.path + ".lock"
        with contextlib.suppress(OSError):
            try:
                with open(lock, "x", encoding="utf-8") as file:
                    file.write(OWNER)
                return True
            except FileExistsError:
                pass
            with open(lock, encoding="utf-8") as file:
                owner = file.read()
            if owner != OWNER and time.time() - os.path.getmtime(lock) < LOCK_S:
                return False
            with open(lock, "w", encoding="utf-8") as file:
                file.write(OWNER)
            return True
        # A folder in which nothing can be locked: better twice than not at all.
        return True

    def let_go(self):
        """Gives the lock back."""
        lock = self.path + ".lock"
        with contextlib.suppress(OSError):
            with open(lock, encoding="utf-8") as file:
                mine = file.read() == OWNER
            if mine:
                os.remove(lock)


def path_of(records_folder, manager, job):
    """The file of a job's record: jobs of two managers may have the same number."""
    return os.path.join(
        records_folder, f"{job}-{hashlib.sha256(manager.encode()).hexdigest()[:8]}.json"
    )


def make(records_folder, manager, job, name, frames_folder, **more):
    """A record, written."""
    values = {
        "manager": manager,
        "job": job,
        "name": name,
        "folder": frames_folder,
        "over": False,
        "files": {},
        "notes": "",
        "blend": "",
        "made_at": time.time(),
        **more,
    }
    record = Record(path_of(records_folder, manager, job), values)
    record.save()
    return record


def load(records_folder, manager, job):
    """The record of a job, or None."""
    return _read(path_of(records_folder, manager, job))


def load_all(records_folder, manager):
    """The records of a manager's jobs, the newest first; old ones are forgotten."""
    found = []
    try:
        names = os.listdir(records_folder)
    except OSError:
        return []
    for name in names:
        record = _read(os.path.join(records_folder, name)) if name.endswith(".json") else None
        if record is None:
            continue
        if record.over and time.time() - record.values["made_at"] > KEEP_S:
            with contextlib.suppress(OSError):
                os.remove(record.path)
        elif record.manager == manager:
            found.append(record)
    return sorted(found, key=lambda record: -record.job)


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
        known = isinstance(values["job"], int) and isinstance(values["files"], dict)
        texts = [values[name] for name in ("manager", "name", "folder", "notes", "blend")]
        values["over"], values["made_at"] = bool(values["over"]), float(values["made_at"])
    except (OSError, ValueError, KeyError, TypeError):
        # Damaged, or of another version: the job itself is safe with the manager.
        return None
    return Record(path, values) if known and all(isinstance(t, str) for t in texts) else None
