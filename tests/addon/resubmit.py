#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what a second submission costs: a scene of about 200 MB, of which one object was changed.

Starts a network on this machine and Blender 4.5 as a Python module (from CANDELA_ENGINES, with
CPython 3.11), submits the scene with the add-on three times, and prints one JSON object:

  first     the network knows nothing of it
  second    one mesh was changed in the same Blender
  restarted another mesh was changed, after the file was opened in a Blender started anew

`bytes` is the length of all files, `sent_bytes` what went over the network, `seconds` from the press
of the button to the job's number, `interface_s` of these the time in which Blender was not free.
Exits with 0 only if the last two sent at most 5 % of the bytes.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

SHARE_MAX = 0.05
MESHES = 100


def outside():
    """Starts the network, and the two Blenders one after the other."""
    from network import HERE, ROOT, Network

    if len(sys.argv) > 1:
        print(__doc__)
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    engines = os.environ.get("CANDELA_ENGINES", os.path.join(ROOT, "target", "candela-engines"))
    program = os.environ.get("CANDELA_BIN", os.path.join(ROOT, "target", "release", "candela"))
    work = tempfile.mkdtemp(prefix="candela-resubmit-")
    told = {}
    try:
        build = [sys.executable, os.path.join(ROOT, "addon", "build.py"), work]
        zip_path = subprocess.check_output(build, text=True).strip()
        with Network(program, os.path.join(work, "network"), engines) as network:
            network.wait_for_nodes()
            for phase in ("first", "restarted"):
                told.update(blender(phase, network, zip_path, engines, work, HERE))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(told, indent=1))
    shares = [told[name]["sent_bytes"] / told[name]["bytes"] for name in ("second", "restarted")]
    return 0 if max(shares) <= SHARE_MAX else 1


def blender(phase, network, zip_path, engines, work, here):
    """Runs one Blender; returns what it measured."""
    settings = {
        "zip": zip_path,
        "manager": network.local,
        "folder": os.path.join(work, "work"),
        "out": os.path.join(work, f"{phase}.json"),
        "phase": phase,
    }
    environment = {**os.environ, "CANDELA_TEST": os.path.join(work, f"{phase}.settings")}
    with open(environment["CANDELA_TEST"], "w", encoding="utf-8") as file:
        json.dump(settings, file)
    for name in ("config", "scripts", "extensions", "datafiles"):
        path = os.path.join(work, phase, name)
        os.makedirs(path)
        environment[f"BLENDER_USER_{name.upper()}"] = path
    environment["PYTHONPATH"] = os.pathsep.join([os.path.join(engines, "blender-4.5.15"), here])
    python = shutil.which("python3.11") or sys.executable
    log = os.path.join(work, f"{phase}.log")
    with open(log, "wb") as output:
        code = subprocess.call(
            [python, os.path.abspath(__file__)], env=environment, stdout=output, stderr=output
        )
    if code != 0:
        with open(log, encoding="utf-8", errors="replace") as file:
            raise SystemExit("error: Blender failed:\n" + "".join(file.readlines()[-20:]))
    with open(settings["out"], encoding="utf-8") as file:
        return json.load(file)


def inside():
    """In a Blender: makes or opens the scene, changes it, and submits it."""
    import bpy

    import in_blender

    addon, name = in_blender.install()
    in_blender.preferences(name).address = in_blender.SETTINGS["manager"]
    bpy.ops.candela.connect()
    state = addon.state.STATE
    in_blender.until(addon, "connected", lambda: state.connection.status == "ON", 60)
    path = os.path.join(in_blender.FOLDER, "large", "large.blend")
    told = {}
    if in_blender.SETTINGS["phase"] == "first":
        in_blender.scene_with(path)
        add_meshes()
        bpy.ops.wm.save_mainfile()
        told["first"] = submit(addon, in_blender)
        change(3)
        told["second"] = submit(addon, in_blender)
        bpy.ops.wm.save_mainfile()
    else:
        bpy.ops.wm.open_mainfile(filepath=path)
        change(7)
        told["restarted"] = submit(addon, in_blender)
    with open(in_blender.SETTINGS["out"], "w", encoding="utf-8") as file:
        json.dump(told, file)


def add_meshes():
    """Grids with noise, each of another size, so that no two hold the same bytes."""
    import bmesh
    import bpy
    import numpy

    for number in range(MESHES):
        size = 130 + number
        mesh, made = bpy.data.meshes.new(f"grid {number}"), bmesh.new()
        bmesh.ops.create_grid(made, x_segments=size, y_segments=size, size=1)
        made.to_mesh(mesh)
        made.free()
        noise(mesh, numpy.random.default_rng(number))
        thing = bpy.data.objects.new(mesh.name, mesh)
        thing.location = (number % 10 * 3, number // 10 * 3, 0)
        bpy.context.scene.collection.objects.link(thing)


def noise(mesh, dice):
    """Every vertex lies elsewhere, as after sculpting."""
    import numpy

    places = numpy.empty(len(mesh.vertices) * 3, numpy.float32)
    mesh.vertices.foreach_get("co", places)
    places[2::3] = dice.random(len(mesh.vertices), numpy.float32)
    mesh.vertices.foreach_set("co", places)
    mesh.update()


def change(number):
    """Changes one object: where it is, and all of its vertices."""
    import bpy
    import numpy

    thing = bpy.data.objects[f"grid {number}"]
    thing.location.z += 1
    noise(thing.data, numpy.random.default_rng(1000 + number))


def submit(addon, in_blender):
    """Submits the scene with the add-on; the job is cancelled then, for nobody has to render it."""
    import bpy

    state = addon.state.STATE
    begin = time.monotonic()
    bpy.ops.candela.submit()
    free = time.monotonic()
    submission = state.submission
    in_blender.until(addon, "submitted", lambda: not submission.goes_on, 600)
    assert submission.phase == "DONE", submission.text
    told = {
        "bytes": submission.bytes,
        "sent_bytes": submission.sent,
        "seconds": round(time.monotonic() - begin, 2),
        "interface_s": round(free - begin, 2),
    }
    bpy.ops.candela.cancel_job(job=submission.job)
    in_blender.until(addon, "cancelled", lambda: not addon.state.is_busy(), 60)
    return told


if __name__ == "__main__":
    if "CANDELA_TEST" in os.environ:
        CODE = 0
        try:
            inside()
        except BaseException:
            import traceback

            traceback.print_exc()
            CODE = 1
        sys.stdout.flush()
        sys.stderr.flush()
        # Blender as a module may hang at a normal exit.
        os._exit(CODE)
    sys.exit(outside())
