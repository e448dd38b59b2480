#!/usr/bin/env python3
"""Tests of the manager's page: a real network, a real browser, a few real frames.

Starts a manager, a worker and a verifier in a folder of their own, drives the page with a headless
Chromium, and ends with a code other than 0 if anything isn't as it should be. What it needs of
Python (requirements.txt) it installs into an environment of its own below target/, once.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from environment import ROOT, go_on_with  # noqa: E402

PLACE = ROOT / "target" / "page-tests"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candela", default=os.environ.get("CANDELA_BIN"), metavar="PROGRAM",
                        help="the program to test [env: CANDELA_BIN] [default: target/debug/candela]")
    parser.add_argument("--engines", default=os.environ.get("CANDELA_ENGINES", str(ROOT / "target" / "candela-engines")), metavar="DIR",
                        help="where engines are installed [env: CANDELA_ENGINES] [default: target/candela-engines]")
    parser.add_argument("--chromium", default=os.environ.get("CHROMIUM", "/usr/bin/chromium"), metavar="PROGRAM",
                        help="the browser [env: CHROMIUM] [default: /usr/bin/chromium]")
    parser.add_argument("--jobs", type=int, default=5000, metavar="N", help="jobs in the long list [default: 5000]")
    parser.add_argument("--frames", type=int, default=5000, metavar="N", help="frames of the long job [default: 5000]")
    parser.add_argument("--json", metavar="FILE", help="write the figures that were measured")
    parser.add_argument("--shots", metavar="DIR", help="keep pictures of every view, in both colours and at the width of a phone")
    parser.add_argument("--only", metavar="WORD", action="append", default=[], help="only tests whose names contain this, or one of these; tests that others build on fail without them")
    parser.add_argument("--assets", metavar="DIR", help="take the page's files from this folder instead of the program: to try a change without building")
    return parser.parse_args()


def check(options):
    """What is missing is said before anything is started."""
    options.candela = options.candela or str(ROOT / "target" / "debug" / "candela")
    for path, what, hint in [
        (options.candela, "the program", "build it with `cargo build`, or give --candela"),
        (options.chromium, "the browser", "install Chromium, or give --chromium"),
        (Path(options.engines) / "blender-4.5.15", "the engine", "`candela engine install` puts it there, or give --engines"),
    ]:
        if not Path(path).exists():
            sys.exit(f"{what} is not there: {path}\nhint: {hint}")


def main():
    options = arguments()
    go_on_with(HERE, ("axe_playwright_python", "blake3", "playwright"))
    check(options)
    sys.path.insert(0, str(HERE))
    from browser import Browser
    from network import Network, make_scene
    from world import World
    import test_acts, test_away, test_flow, test_many_frames, test_many_jobs, test_views

    tests = [(name, test) for module in (test_flow, test_views, test_many_frames, test_acts, test_many_jobs, test_away)
             for name, test in vars(module).items() if name.startswith("test_") and callable(test)]
    tests = [(name, test) for name, test in tests if not options.only or any(word in name for word in options.only)]
    if not tests:
        sys.exit(f"no test has “{'” or “'.join(options.only)}” in its name")
    PLACE.mkdir(parents=True, exist_ok=True)
    failed = []
    with tempfile.TemporaryDirectory(prefix="run-", dir=PLACE) as folder:
        network = Network(options.candela, folder, options.engines)
        browser = None
        try:
            began = time.monotonic()
            url = network.manager()
            network.node("worker", "workshop", "--engine-driver", str(HERE / "driver_that_fails.py"))
            network.node("verifier", "vera")
            scene = network.upload(make_scene(folder, options.engines))
            browser = Browser(url, options.chromium, options.assets, options.shots)
            world = World(network, browser, scene, options)
            print(f"a network stands after {time.monotonic() - began:.1f} s", flush=True)
            for name, test in tests:
                began = time.monotonic()
                try:
                    test(world)
                    wrong, browser.wrong = browser.wrong, []
                    assert not wrong, "the page said:\n  " + "\n  ".join(wrong)
                    print(f"ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)
                except Exception as error:  # noqa: BLE001 – the others are run all the same
                    failed.append(name)
                    world.shot_of_failure(name)
                    browser.wrong = []
                    print(f"FAIL  {name} ({time.monotonic() - began:.1f} s): {error}", flush=True)
                    traceback.print_exc(limit=-4)
                finally:
                    browser.expect()
                    world.close_pages()
            if options.json:
                Path(options.json).write_text(json.dumps(world.figures, indent=2) + "\n")
            if failed:
                print(network.logs()[-6000:], file=sys.stderr)
        finally:
            if browser:
                browser.close()
            network.close()
    print(f"{len(tests) - len(failed)} of {len(tests)} tests hold" + (f"; not: {', '.join(failed)}" if failed else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
