#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Submits a scene, waits, and fetches its frames as they are verified.

    python3 examples/submit.py scene.blend --frames 1-24 --output frames/

Files that the .blend names are sent if they lie in its folder or below and are given with --file;
`candela render` and the Blender add-on find them by themselves.
Exit codes: 0 every frame is verified and there, 1 the job failed or was refused, 2 something broke.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))

from candela_client import CandelaError, Client, Refusal  # noqa: E402


def main():
    """Does it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scene")
    parser.add_argument("--file", action="append", default=[], help="a file that the scene names")
    parser.add_argument("--frames", help="like 1-24; the scene's own range otherwise")
    parser.add_argument("--size", type=int, help="in percent of the scene's resolution")
    parser.add_argument("--samples", type=int, help="per pixel")
    parser.add_argument("--format", choices=["png", "png16", "jpeg", "exr"])
    parser.add_argument("--output", default="frames")
    parser.add_argument(
        "--manager", default=os.environ.get("CANDELA_MANAGER", "http://127.0.0.1:4470")
    )
    options = parser.parse_args()
    overrides = {
        "percentage": options.size,
        "samples": options.samples,
        "format": options.format,
    }
    # A token on the command line could be read by others on this machine.
    client = Client(options.manager, os.environ.get("CANDELA_TOKEN"))
    folder = os.path.dirname(os.path.abspath(options.scene))
    files = {}
    for path in [options.scene, *options.file]:
        name = os.path.relpath(os.path.abspath(path), folder).replace(os.sep, "/")
        if name.startswith("../"):
            raise CandelaError(f"{path} lies outside of {folder}", "use `candela render` for it")
        files[name] = os.path.abspath(path)
    job = client.submit_files(
        options.scene,
        files,
        frames=options.frames,
        overrides={name: value for name, value in overrides.items() if value is not None},
        allow={"wait": True},
    )
    print(f"job {job['id']}", flush=True)

    def tell(summary, path):
        if path:
            print(path, flush=True)

    ended = client.wait(job["id"], options.output, tell)
    for refusal in ended["refusals"]:
        print(f"error: {refusal['message']}", file=sys.stderr)
        if refusal.get("hint"):
            print(f"hint: {refusal['hint']}", file=sys.stderr)
    print(f"job {ended['id']}: {ended['status']}")
    return 0 if ended["status"] == "completed" else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CandelaError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        sys.exit(1 if isinstance(error, Refusal) else 2)
