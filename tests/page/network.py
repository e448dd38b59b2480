"""A real network for the tests: a manager, a worker and a verifier as processes, and its API."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGINE = "blender-4.5.15"


class Refused(Exception):
    """What the manager refused, with its status and its code."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body.get('message', body)}")
        self.status, self.code = status, body.get("code")


class Network:
    """Processes in one folder; `close` ends those that were started here and no others."""

    def __init__(self, program, folder, engines):
        self.program, self.folder, self.engines = str(program), Path(folder), str(engines)
        self.running = {}
        self.listen = "127.0.0.1:0"
        self.ticket = None

    def manager(self):
        """Starts the manager; again on the same folder and port if it ran before."""
        ready = self._start("manager", ["manager", "--listen", self.listen])
        self.listen = ready["api"].removeprefix("http://")
        self.ticket = self.ticket or ready["ticket"]
        return f"http://{self.listen}"

    def node(self, role, name, *more):
        """Starts a worker or a verifier; `more` are further arguments."""
        self._start(name, [role, "--join", self.ticket, "--name", name, "--threads", "1", *more])

    def _start(self, name, words):
        words = [self.program, *words, "--data", str(self.folder / name), "--bind", "127.0.0.1:0"]
        words += ["--engine-folder", self.engines, "--json", "--die-with-stdin"]
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, "CANDELA_CONFIG": os.devnull},
            )
        self.running[name] = process
        line = process.stdout.readline()
        if not line.strip():
            raise RuntimeError(f"{name} did not get ready:\n{self.said(name)}")
        return json.loads(line)

    def kill(self, name):
        """Kills one process at once, as a power cut would."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def said(self, name):
        """The last lines of a process's log."""
        log = self.folder / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-25:]) if log.exists() else ""

    def logs(self):
        """The last lines of every log."""
        return "\n".join(f"--- {log.stem}\n{self.said(log.stem)}" for log in self.folder.glob("*.log"))

    def close(self):
        for name in list(self.running):
            self.kill(name)

    def ask(self, method, path, body=None, raw=None):
        """One request to the API; its JSON."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if raw is not None else "application/json"
        request = urllib.request.Request(
            f"http://{self.listen}/api/v1{path}", data, {"content-type": kind}, method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                body = json.loads(text)
            except ValueError:
                body = {"message": text.decode(errors="replace")}
            raise Refused(error.code, body) from None
        return json.loads(text) if text else None

    def upload(self, path):
        """Uploads a .blend; what a job says of it as its scene."""
        import blake3

        data = Path(path).read_bytes()
        digest = blake3.blake3(data).hexdigest()
        self.ask("PUT", f"/blobs/{digest}", raw=data)
        name = Path(path).name
        return {"main_file": name, "files": [{"path": name, "hash": digest, "bytes": len(data)}]}

    def submit(self, scene, name, frames, user, percentage=25, samples=4, priority=0):
        """Submits a job; how the manager sees it."""
        return self.ask("POST", "/jobs", {
            "submission_id": secrets.token_hex(16), "name": name, "user": user, "scene": scene,
            "frames": frames, "priority": priority, "allow": {"wait": True},
            "overrides": {"percentage": percentage, "samples": samples, "format": "png"},
        })

    def until(self, what, look, seconds=120):
        """Waits until `look()` gives something true, and gives that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"after {seconds} s still not: {what}")


def make_scene(folder, engines):
    """Has the demonstration's script make its scene."""
    scene = Path(folder) / "lamp.blend"
    python = os.environ.get("CANDELA_PYTHON", "python3.11")
    script = ROOT / "crates" / "cli" / "assets" / "demo_scene.py"
    done = subprocess.run(
        [python, str(script), str(scene)], capture_output=True, text=True, timeout=180, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(engines) / ENGINE)},
    )
    if done.returncode or not scene.exists():
        sys.exit(f"the scene can't be made: {done.stderr[-2000:]}")
    return scene
