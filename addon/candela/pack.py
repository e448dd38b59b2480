# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs the open scene without changing it: a copy of the .blend, and where all its files go.

The layout is that of the command line: what lies in the .blend's folder, or is named relative to
it, keeps its place; what is named by an absolute path and lies elsewhere goes to `_outside`. If
such paths have to become relative ones, a second Blender does it, in a copy: here the open scene
would be changed.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile

import bpy

from . import candela_files
from .candela_client import CandelaError

OUTSIDE = "_outside"
# Opening and saving a large scene.
REPATH_S = 1800


class Packed:
    """A scene as it goes to the network.

    `files`: {path in the scene: path on disk}; `main_file` is one of them; `missing`: files that
    are named and not there. `remaps`: {.blend on disk: {absolute path: relative path}}, which
    `repath` has to do before `files` is right.
    """

    def __init__(self, folder, main_file, files, missing, remaps, copy):
        self.folder = folder
        self.main_file = main_file
        self.files = files
        self.missing = missing
        self.remaps = remaps
        self.copy = copy


def _parts(path):
    drive, rest = os.path.splitdrive(path)
    return ([drive] if drive else []) + [
        part for part in rest.replace("\\", "/").split("/") if part
    ]


class Layout:
    """Which file gets which name, and which .blend has to name files otherwise."""

    def __init__(self, main, lines):
        self.main = os.path.abspath(main)
        root = _parts(os.path.dirname(self.main))
        for line in lines:
            if line["exists"] and line["path"].startswith("//"):
                for file in line["files"]:
                    root = _common(root, _parts(os.path.dirname(file)))
        self.root = root
        self.found = {}
        self.remaps = {}
        for line in lines:
            for file in line["files"] if line["exists"] else ():
                self.found[file] = os.path.dirname(line["absolute"])
        self.has_absolute = False
        for line in lines:
            self._remap(line)

    def _remap(self, line):
        blend = line["library"] or self.main
        if line["path"].startswith("//"):
            # The copy of the main file lies elsewhere while it is changed, so these are named too.
            if not line["library"]:
                self.remaps.setdefault(blend, {})[line["absolute"]] = line["path"]
            return
        if not line["exists"]:
            return
        name = self.place(line["absolute"], os.path.dirname(line["absolute"]))
        start = self.place(os.path.dirname(blend), os.path.dirname(blend))
        self.remaps.setdefault(blend, {})[line["absolute"]] = "//" + _relative(start, name)
        if not line["library"]:
            self.has_absolute = True

    def place(self, path, base):
        """Where a path goes, in parts: below the root as it is, else by the folder where it was."""
        parts = _parts(path)
        if parts[: len(self.root)] == self.root:
            return parts[len(self.root) :]
        # Any name does that differs from folder to folder.
        folder = hashlib.sha256(os.fsencode(base)).hexdigest()[:8]
        return [OUTSIDE, folder, *parts[len(_parts(base)) :]]

    def name(self, path):
        """A file's name in the scene."""
        parts = self.place(path, self.found.get(path, os.path.dirname(path)))
        name = "/".join(parts)
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(path).decode(errors="replace")
            raise CandelaError(
                f"the name of {shown} is no text", "give the file another name"
            ) from None
        if any(part in (".", "..") or "\0" in part for part in parts):
            raise CandelaError(f"{path} has a name that can't go into a scene", "rename it")
        return name

    def files(self):
        """{path in the scene: path on disk} of all files, the main one as it is on disk."""
        return {self.name(path): path for path in [*self.found, self.main]}


def _common(a, b):
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    return a[:same]


def _relative(start, name):
    shared = len(_common(start, name))
    return "/".join([".."] * (len(start) - shared) + name[shared:])


def pack(folder):
    """Lists the scene's files and saves a copy of it into `folder`. On the main thread."""
    # Saved or not, the name of the file in the scene is the user's: caches are named after it.
    main = bpy.data.filepath or os.path.join(folder, "untitled.blend")
    lines = candela_files.dependencies()["files"]
    layout = Layout(main, lines)
    files = layout.files()
    copy = os.path.join(folder, "copy.blend")
    try:
        bpy.ops.wm.save_as_mainfile(
            filepath=copy,
            copy=True,
            compress=False,
            # A second Blender has to find everything from where the copy lies.
            relative_remap=layout.has_absolute,
            check_existing=False,
        )
    except RuntimeError as error:
        text = str(error).strip().splitlines()[-1].removeprefix("Error: ")
        raise CandelaError(
            f"no copy of the file can be saved to {folder} ({text})", "make room there"
        ) from error
    files[layout.name(layout.main)] = copy
    remaps = dict(layout.remaps)
    if not layout.has_absolute:
        # The copy's relative paths are those of the file.
        remaps.pop(layout.main, None)
    elif layout.main in remaps:
        remaps[copy] = remaps.pop(layout.main)
    missing = [line for line in lines if not line["exists"]]
    return Packed(folder, layout.name(layout.main), files, missing, remaps, copy)


def repath(packed, program, cancel):
    """Makes absolute paths relative, in copies, in a second Blender. In a thread."""
    if not packed.remaps:
        return
    jobs, copies = [], {}
    for number, (blend, paths) in enumerate(sorted(packed.remaps.items())):
        to = os.path.join(packed.folder, f"repathed-{number}.blend")
        copies[blend] = to
        jobs.append({"blend": blend, "paths": paths, "to": to})
    request = os.path.join(packed.folder, "repath.json")
    with open(request, "w", encoding="utf-8") as file:
        json.dump(jobs, file)
    _run([*program, "--", request], packed.folder, cancel)
    for blend, to in copies.items():
        if not os.path.isfile(to):
            raise CandelaError(f"the paths in {blend} can't be made relative", "see its log")
    packed.files = {name: copies.get(disk, disk) for name, disk in packed.files.items()}
    packed.remaps = {}


def program():
    """How a second Blender is started that runs `repath.py`. On the main thread."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "repath.py")
    if bpy.app.binary_path:
        quiet = ["--background", "--factory-startup", "--disable-autoexec"]
        return [bpy.app.binary_path, *quiet, "--python-exit-code", "3", "--python", script]
    # Blender as a Python module.
    return [sys.executable, script]


def _run(command, folder, cancel):
    log = os.path.join(folder, "repath.log")
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    waited = 0.0
    try:
        while True:
            try:
                code = process.wait(0.2)
                break
            except subprocess.TimeoutExpired:
                waited += 0.2
                if cancel.is_set() or waited > REPATH_S:
                    raise CandelaError("making paths relative was broken off") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if code != 0:
        with open(log, encoding="utf-8", errors="replace") as file:
            last = [line.strip() for line in file if line.strip()][-1:] or ["no message"]
        raise CandelaError(
            f"absolute paths can't be made relative ({last[0][:200]})",
            "File > External Data > Make All Paths Relative, then submit again",
        )


def new_folder():
    """A folder for copies, which only this user can read."""
    return tempfile.mkdtemp(prefix="candela-")
