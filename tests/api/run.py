#!/usr/bin/env python3
"""Tests of the manager's HTTP interface by its own description.

Starts a manager in a folder of its own, has the description checked by a validator, and has
requests made of it, sensible ones and others: no answer may be a failure of the manager, and none
may be one that the description doesn't name. What it needs of Python (requirements.txt) it installs
into an environment of its own below target/, once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from environment import ROOT, go_on_with  # noqa: E402

TOKEN = "a-token-for-this-test-only"

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"

# Event streams have no end; the browser's tests read them.
STREAMS = r"/events$"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candela", default=os.environ.get("CANDELA_BIN", str(ROOT / "target" / "debug" / "candela")), metavar="PROGRAM",
                        help="the program to test [env: CANDELA_BIN] [default: target/debug/candela]")
    parser.add_argument("--engines", default=os.environ.get("CANDELA_ENGINES", str(ROOT / "target" / "candela-engines")), metavar="DIR",
                        help="where engines are installed [env: CANDELA_ENGINES] [default: target/candela-engines]")
    parser.add_argument("--examples", type=int, default=25, metavar="N", help="requests to each operation in each phase, about [default: 25]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of what is drawn [default: 1]")
    return parser.parse_args()


def start(options, folder):
    """The manager, and its address."""
    words = [options.candela, "manager", "--data", str(folder / "manager"), "--listen", "127.0.0.1:0", "--bind", "127.0.0.1:0",
             "--engine-folder", options.engines, "--token", TOKEN, "--json", "--die-with-stdin"]
    log = open(folder / "manager.log", "wb")
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                               env={**os.environ, "CANDELA_CONFIG": os.devnull})
    line = process.stdout.readline()
    if not line.strip():
        sys.exit("the manager did not get ready:\n" + (folder / "manager.log").read_text(errors="replace"))
    return process, json.loads(line)["api"]


def fuzz(options, folder, description, more):
    """Makes requests; 0 if all was well."""
    words = [str(Path(sys.prefix) / "bin" / "schemathesis"), "run", description, "--checks", CHECKS, *more,
             "--header", f"Authorization: Bearer {TOKEN}", "--max-examples", str(options.examples), "--seed", str(options.seed),
             "--request-timeout", "20", "--suppress-health-check", "all", "--continue-on-failure", "--no-color"]
    return subprocess.run(words, cwd=folder, check=False).returncode


def ask(address, method, path, body, kind="application/json"):
    request = urllib.request.Request(address + path, method=method, data=body, headers={"content-type": kind})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def prepare(address):
    """A job's number and an upload's."""
    from hashlib import sha256

    def send(path, body):
        return ask(address, "POST", path, json.dumps(body).encode())

    scene = b"BLENDER-v405 and nothing of a scene"
    upload = send("/api/v1/uploads", {"bytes": len(scene), "sha256": sha256(scene).hexdigest()})
    stored = ask(address, "PUT", f"/api/v1/uploads/{upload['id']}?offset=0", scene, "application/octet-stream")
    job = send("/api/v1/jobs", {
        "submission_id": "ab" * 16, "name": "a job", "user": "ada", "frames": "1-3", "allow": {"wait": True},
        "scene": {"main_file": "a.blend", "files": [{"path": "a.blend", "hash": stored["hash"], "bytes": len(scene)}]},
    })
    unfinished = send("/api/v1/uploads", {"bytes": 1_000_000, "sha256": "cd" * 32})
    return job["id"], unfinished["id"]


def main():
    options = arguments()
    go_on_with(HERE, ("openapi_spec_validator", "schemathesis"))
    from openapi_spec_validator import validate

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        manager, address = start(options, folder)
        try:
            description = f"{address}/api/v1/openapi.json"
            with urllib.request.urlopen(description) as answer:
                described = json.load(answer)
            validate(described)
            operations = sum(len(item) for item in described["paths"].values())
            print(f"the description is valid: {operations} operations")
            result = fuzz(options, folder, description, ["--exclude-path-regex", STREAMS])
            # Once more where there is something: a job, which was refused, and an upload that is not finished.
            job, upload = prepare(address)
            (folder / "schemathesis.toml").write_text(
                f'[[operations]]\ninclude-path-regex = "/jobs/"\nparameters = {{ "path.id" = {job} }}\n'
                f'[[operations]]\ninclude-path-regex = "/uploads/"\nparameters = {{ "path.id" = "{upload}" }}\n'
            )
            result |= fuzz(options, folder, description, ["--include-path-regex", r"/(jobs|uploads)/\{id\}(?!/events)", "--phases", "fuzzing"])
            if manager.poll() is not None:
                sys.exit("the manager ended in the middle of it")
        finally:
            manager.kill()
            manager.wait()
        if result:
            print((folder / "manager.log").read_text(errors="replace")[-3000:])
            sys.exit("the interface doesn't do what its description says")


if __name__ == "__main__":
    main()
