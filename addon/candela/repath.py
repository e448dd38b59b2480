# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a second Blender: saves copies of .blend files in which paths are other ones.

Its argument after `--` is a JSON file: a list of {blend, paths: {absolute: new}, to}.
"""

import contextlib
import json
import os
import sys
import traceback

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import candela_files  # noqa: E402


def _repath(blend, paths, to):
    bpy.ops.wm.open_mainfile(filepath=blend, load_ui=False, use_scripts=False)
    # What a library names is changed in the library's own copy.
    for line in candela_files._lines().values():
        new = paths.get(line["absolute"])
        for owner in line["owners"] if new is not None and not line["library"] else ():
            if owner is not None:
                setattr(owner[0], owner[1], new)
    for strip in _image_strips():
        _repath_strip(strip, paths)
    bpy.ops.wm.save_as_mainfile(
        filepath=to, copy=True, compress=False, relative_remap=False, check_existing=False
    )


def _image_strips():
    for scene in bpy.data.scenes:
        editor = scene.sequence_editor
        if editor is not None and scene.library is None:
            strips = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
            yield from (strip for strip in strips if strip.type == "IMAGE")


def _repath_strip(strip, paths):
    """A strip of images has a folder, and names in it."""
    for element in strip.elements:
        path = os.path.join(strip.directory, element.filename)
        new = paths.get(os.path.normpath(bpy.path.abspath(path)))
        if new is not None:
            with contextlib.suppress(AttributeError):
                strip.directory = new.rsplit("/", 1)[0] + "/" if "/" in new[2:] else "//"
            return


def main():
    """Does all of them, and leaves with 0 only if all were done."""
    with open(sys.argv[sys.argv.index("--") + 1], encoding="utf-8") as file:
        jobs = json.load(file)
    for job in jobs:
        _repath(job["blend"], job["paths"], job["to"])


if __name__ == "__main__":
    CODE = 0
    try:
        main()
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        CODE = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender as a module may hang at a normal exit after files with certain drivers.
    os._exit(CODE)
