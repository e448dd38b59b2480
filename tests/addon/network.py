# SPDX-License-Identifier: GPL-3.0-or-later
"""A network on this machine for tests: a manager, a worker and a verifier, a process each."""

import json
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "python"))

from candela_client import CandelaError, Client  # noqa: E402

READY_S = 300


def free_port():
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_address():
    """An address of this machine that is not its loopback; None if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the system only says from where it would be.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


class Network:
    """`local`: the manager's address on this machine; `remote`: the one where tokens are asked for."""

    def __init__(self, program, folder, engines=None):
        self.program, self.folder = os.path.abspath(program), folder
        self.environment = dict(os.environ)
        if engines:
            self.environment["CANDELA_ENGINE_FOLDER"] = engines
        self.port = free_port()
        self.local = f"http://127.0.0.1:{self.port}"
        address = own_address()
        self.remote = f"http://{address}:{self.port}" if address else self.local
        self.processes = {}
        os.makedirs(folder, exist_ok=True)

    def __enter__(self):
        try:
            ticket = self.start_manager()["ticket"]
            for role, name in (("worker", "alice"), ("verifier", "vera")):
                self._start(role, "--join", ticket, "--name", name, "--threads", "1")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(list(self.processes)):
            self.stop(name)

    def start_manager(self):
        """Starts it, or starts it again on its folder; returns what it prints."""
        return self._start("manager", "--listen", f"0.0.0.0:{self.port}")

    def _start(self, role, *options):
        data = os.path.join(self.folder, role)
        told = os.path.join(self.folder, f"{role}.json")
        command = [self.program, role, "--data", data, "--json", *options]
        with open(told, "wb") as out, open(os.path.join(self.folder, f"{role}.log"), "ab") as log:
            process = subprocess.Popen(
                command, stdout=out, stderr=log, stdin=subprocess.DEVNULL, env=self.environment
            )
        self.processes[role] = process
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            with open(told, encoding="utf-8") as file:
                line = file.readline()
            if line.endswith("\n"):
                return json.loads(line)
            if process.poll() is not None:
                break
            time.sleep(0.1)
        with open(os.path.join(self.folder, f"{role}.log"), encoding="utf-8") as log:
            raise SystemExit(f"error: the {role} doesn't start:\n{log.read()[-2000:]}")

    def stop(self, role):
        """Ends a process, in good order if it can."""
        process = self.processes.pop(role, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self, role):
        """Ends a process as a power cut does."""
        process = self.processes.pop(role)
        process.kill()
        process.wait()

    def client(self):
        """A client that may do everything."""
        return Client(self.local)

    def token(self, scopes, user="ada", expires_s=None):
        """A token's secret and its id."""
        made = self.client().make_token("test", scopes, user=user, expires_s=expires_s)
        return made["token"], made["info"]["id"]

    def wait_for_nodes(self, count=2):
        """Until worker and verifier are connected."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            try:
                if sum(node["linked"] for node in self.client().nodes()) >= count:
                    return
            except CandelaError:
                pass
            time.sleep(0.2)
        raise SystemExit("error: the nodes don't connect")
