#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the add-on as a zip for Blender: `python3 addon/build.py [FOLDER]`.

The zip is an extension for Blender 4.2 and newer, and an add-on for 3.4 to 4.1. It holds copies of
the Python client and of the engine driver's modules that find files and facts, so that those have
one source each.
"""

import argparse
import ast
import os
import re
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
DRIVER = os.path.join(ROOT, "crates", "engine", "src", "driver")
# What the driver's modules say in the add-on: they are parts of a package there, and `resource`,
# which Windows lacks, is only needed to measure an engine.
CHANGES = {
    "candela_files.py": [],
    "candela_develop.py": [],
    "candela_facts.py": [
        ("import candela_develop\n", "from . import candela_develop\n"),
        ("import candela_files\n", "from . import candela_files\n"),
        ("import resource\n", ""),
    ],
}
# The same for the same sources.
WHEN = (2020, 1, 1, 0, 0, 0)


def contents():
    """{name in the zip: bytes}, sorted by name."""
    files = {}
    for folder, into in ((os.path.join(HERE, "candela"), "candela"), _client()):
        for name in sorted(os.listdir(folder)):
            if name.endswith((".py", ".toml")):
                files[f"{into}/{name}"] = _read(os.path.join(folder, name))
    for name, changes in CHANGES.items():
        text = _read(os.path.join(DRIVER, name)).decode()
        for old, new in changes:
            if text.count(old) != 1:
                sys.exit(f"error: {name} of the engine driver has {old.strip()!r} not exactly once")
            text = text.replace(old, new)
        files[f"candela/{name}"] = text.encode()
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        files[f"candela/{name}"] = _read(os.path.join(ROOT, name))
    files["candela/LICENSE"] = _read(os.path.join(HERE, "LICENSE"))
    return dict(sorted(files.items()))


def _client():
    return os.path.join(ROOT, "python", "candela_client"), "candela/candela_client"


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def check(files):
    """Every file can be read by Python 3.10, and both versions are the same."""
    for name, data in files.items():
        if name.endswith(".py"):
            ast.parse(data, name, feature_version=(3, 10))
    manifest = files["candela/blender_manifest.toml"].decode()
    version = re.search(r'^version = "([0-9.]+)"$', manifest, re.MULTILINE)[1]
    told = re.search(r'"version": \(([0-9, ]+)\)', files["candela/__init__.py"].decode())[1]
    if told.replace(", ", ".") != version:
        sys.exit(f"error: bl_info says {told}, and the manifest {version}")
    return version


def main():
    """Writes the zip and prints its path."""
    parser = argparse.ArgumentParser(description="Builds the Blender add-on as a zip.")
    parser.add_argument("folder", nargs="?", default=os.path.join(ROOT, "target", "addon"))
    folder = parser.parse_args().folder
    files = contents()
    version = check(files)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"candela-{version}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, WHEN)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    print(path)


if __name__ == "__main__":
    main()
