#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the add-on and the Python client against a real network. Exits with 0 only if all held."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

from network import HERE, ROOT, Network

EPILOG = """
environment:
  CANDELA_BIN       the program `candela`; target/release/candela if not set
  CANDELA_ENGINES   folder with installed engines; target/candela-engines if not set
  CANDELA_FIXTURES  folder with real scenes, for the tests of chunks; those are skipped without it

what runs (all of it unless named):
  client    the Python client alone, with faults: needs no Blender
  bpy       in Blender 4.5 as a Python module, from CANDELA_ENGINES: needs CPython 3.11
  blender   in the installed Blender (3.4 or newer), without an interface
  examples  examples/submit.py and examples/submit.sh: needs `bpy`, and curl and jq
  pictures  in the installed Blender, with its interface on a screen in memory (Xvfb): draws the panel
            in each state and saves pictures of it
"""
KINDS = ("client", "bpy", "blender", "examples", "pictures")
SCENARIO_S = 900
EXAMPLE_S = 300


def main():
    """Runs what is asked for."""
    options = arguments()
    work = options.work or tempfile.mkdtemp(prefix="candela-addon-test-")
    os.makedirs(work, exist_ok=True)
    wanted = options.what or list(KINDS)
    results = {}
    if "client" in wanted:
        results["client"] = subprocess.call([sys.executable, os.path.join(HERE, "test_client.py")])
    rest = [what for what in wanted if what != "client"]
    if rest:
        zip_path = subprocess.check_output(
            [sys.executable, os.path.join(ROOT, "addon", "build.py"), work], text=True
        ).strip()
        if "bpy" in rest:
            results["manifest"] = validate(options.engines, zip_path)
        with Network(options.candela, os.path.join(work, "network"), options.engines) as network:
            network.wait_for_nodes()
            for what in rest:
                results[what] = scenario(what, options, network, zip_path, work)
                if what == "examples" and results[what] == 0:
                    results[what] = examples(network, os.path.join(work, what))
    for what, code in results.items():
        print(f"{what}: {'ok' if code == 0 else f'FAILED ({code})'}")
    if all(code == 0 for code in results.values()) and not options.work:
        shutil.rmtree(work, ignore_errors=True)
    else:
        print(f"logs and pictures are in {work}")
    return 0 if all(code == 0 for code in results.values()) else 1


def arguments():
    """The command line."""
    default = os.path.join(ROOT, "target", "release", "candela")
    engines = os.path.join(ROOT, "target", "candela-engines")
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--candela", default=os.environ.get("CANDELA_BIN", default))
    parser.add_argument("--engines", default=os.environ.get("CANDELA_ENGINES", engines))
    parser.add_argument("--blender", default="blender", help="the installed Blender")
    parser.add_argument("--bpy", help="folder with another `bpy` module for CPython 3.11")
    parser.add_argument("--work", help="folder for everything that is made; kept at the end")
    parser.add_argument("--only", help="only these steps of the scenario, by comma")
    options = parser.parse_args()
    unknown = set(options.what) - set(KINDS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def validate(engines, zip_path):
    """Has Blender's own tool look at the extension; returns its exit code."""
    tools = os.path.join(
        engines, "blender-4.5.15", "bpy", "4.5", "scripts", "addons_core", "bl_pkg"
    )
    python = shutil.which("python3.11") or sys.executable
    tool = os.path.join(tools, "cli", "blender_ext.py")
    return subprocess.call([python, tool, "validate", zip_path])


def scenario(what, options, network, zip_path, work):
    """Runs a script inside a Blender that has folders of its own; returns its exit code."""
    folder = os.path.join(work, what)
    shutil.rmtree(folder, ignore_errors=True)
    scripts = {"pictures": "pictures.py"}
    script = os.path.join(HERE, scripts.get(what, "scenario.py"))
    submit, _ = network.token(["read", "submit"])
    look, _ = network.token(["read"])
    expired, _ = network.token(["read"], expires_s=1)
    revoked, revoked_id = network.token(["read"])
    network.client().revoke_token(revoked_id)
    settings = {
        "zip": zip_path,
        "manager": network.remote,
        "local": network.local,
        "token": submit,
        "look": look,
        "wrong": {"wrong": "wrong", "expired": expired, "taken back": revoked},
        "folder": os.path.join(folder, "work"),
        "out": os.path.join(folder, "told.json"),
        "messages": os.path.join(folder, "messages"),
        "control": os.path.join(folder, "control"),
        "only": options.only.split(",") if options.only else None,
    }
    environment = dict(os.environ)
    for name in ("config", "scripts", "extensions", "datafiles"):
        path = os.path.join(folder, "user", name)
        os.makedirs(path)
        environment[f"BLENDER_USER_{name.upper()}"] = path
    # A Blender that uses the system's Python must not take this one's folder for it.
    paths = [path for path in os.environ["PATH"].split(os.pathsep) if not is_own(path)]
    environment["PATH"] = os.pathsep.join([messenger(folder), *paths])
    environment["BLENDER_USER_RESOURCES"] = os.path.join(folder, "user")
    environment["TMPDIR"] = os.path.join(folder, "tmp")
    environment["CANDELA_TEST"] = os.path.join(folder, "settings.json")
    os.makedirs(environment["TMPDIR"])
    os.makedirs(settings["control"])
    if what == "examples":
        settings["only"] = ["save_a_scene"]
    with open(environment["CANDELA_TEST"], "w", encoding="utf-8") as file:
        json.dump(settings, file)
    command = [options.blender, "-b", "--factory-startup", "--python", script]
    if what in ("bpy", "examples"):
        environment["PYTHONPATH"] = options.bpy or os.path.join(options.engines, "blender-4.5.15")
        command = [shutil.which("python3.11") or sys.executable, script]
    if what == "pictures":
        environment["LIBGL_ALWAYS_SOFTWARE"] = "1"
        screen = ["xvfb-run", "-a", "-s", "-screen 0 1500x1000x24"]
        command = [*screen, options.blender, "--factory-startup", "-W", "--python", script]
    stop = threading.Event()
    helper = threading.Thread(target=serve, args=(network, settings["control"], stop))
    helper.start()
    try:
        with open(os.path.join(folder, "log"), "wb") as log:
            process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                code = process.wait(SCENARIO_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
    finally:
        stop.set()
        helper.join()
    tell(settings["out"], os.path.join(folder, "log"), code)
    return code


def examples(network, folder):
    """Runs the examples as a user on another machine does; returns 0 if both fetch all frames."""
    scene = os.path.join(folder, "work", "example", "example.blend")
    environment = {
        **os.environ,
        "CANDELA_MANAGER": network.remote,
        "CANDELA_TOKEN": network.token(["read", "submit"])[0],
    }
    python, shell = os.path.join(folder, "python"), os.path.join(folder, "shell")
    submit = os.path.join(ROOT, "examples", "submit")
    ways = [
        [sys.executable, f"{submit}.py", scene, "--frames", "1-2", "--output", python],
        ["sh", f"{submit}.sh", scene, "1-2", shell],
    ]
    for way, into in zip(ways, (python, shell)):
        done = subprocess.run(
            way, env=environment, capture_output=True, text=True, timeout=EXAMPLE_S
        )
        frames = sorted(name for name in os.listdir(into) if not name.startswith("."))
        print(f"  {os.path.basename(way[1])}: {done.stdout.split(chr(10))[-2:]} {frames}")
        if done.returncode != 0 or frames != ["0001.png", "0002.png"]:
            print(done.stdout, done.stderr)
            return 1
    with open(os.path.join(python, "0002.png"), "rb") as one:
        with open(os.path.join(shell, "0002.png"), "rb") as two:
            same = one.read() == two.read()
    # A refusal is an error with the manager's words.
    wrong = subprocess.run(
        ["sh", f"{submit}.sh", scene, "9-1", shell], env=environment, capture_output=True, text=True
    )
    told = wrong.returncode == 1 and "ends before it begins" in wrong.stderr
    if not (same and told):
        print(f"the same frames: {same}; the refusal: {wrong.returncode} {wrong.stderr}")
    return 0 if same and told else 1


def messenger(folder):
    """A folder with a `notify-send` that writes down what it is told."""
    programs = os.path.join(folder, "bin")
    os.makedirs(programs)
    path = os.path.join(programs, "notify-send")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nfor word; do echo "$word" >>"{folder}/messages"; done\n')
    os.chmod(path, 0o755)
    return programs


def is_own(path):
    """Whether a folder belongs to the Python that runs this, and not to the system."""
    return sys.prefix != "/usr" and os.path.realpath(path).startswith(sys.prefix)


def serve(network, control, stop):
    """Kills and starts the manager when a scenario asks for it with a file; removes the file then."""
    while not stop.wait(0.1):
        for name in os.listdir(control):
            {"kill": lambda: network.kill("manager"), "start": network.start_manager}[name]()
            os.remove(os.path.join(control, name))
    if "manager" not in network.processes:
        network.start_manager()


def tell(out, log, code):
    """Prints what a scenario told, and the end of its log if it failed."""
    if os.path.exists(out):
        with open(out, encoding="utf-8") as file:
            told = json.load(file)
        print(f"Blender {told['blender']}")
        for step in told["steps"]:
            state = "FAILED" if "failed" in step else "ok"
            print(f"  {state:6} {step['step']} ({step['seconds']} s): {step.get('result')}")
    if code != 0:
        with open(log, encoding="utf-8", errors="replace") as file:
            print("".join(file.readlines()[-25:]))


if __name__ == "__main__":
    sys.exit(main())
