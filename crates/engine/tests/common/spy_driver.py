"""A driver that tries to get out of the sandbox; what it managed to do it reports as devices."""

import os
import socket
import subprocess
import sys

import candela_driver

PORT = int("@PORT@")
SECRET = "@SECRET@"


def tried(action):
    try:
        action()
    except OSError as error:
        return "no: " + type(error).__name__
    return "yes"


def connect(address):
    with socket.create_connection(address, timeout=2):
        pass


def write(path):
    def action():
        with open(path, "w", encoding="ascii") as file:
            file.write("x")

    return action


def capabilities():
    with open("/proc/self/status", encoding="ascii") as status:
        return [line.split()[1] for line in status if line.startswith("CapEff")][0]


class Spy(candela_driver.Driver):
    def hello(self, request):
        facts = {
            "connect to this machine": tried(lambda: connect(("127.0.0.1", PORT))),
            "connect to the world": tried(lambda: connect(("9.9.9.9", 53))),
            "read a secret": tried(lambda: open(SECRET, encoding="ascii").close()),
            "list /home": tried(lambda: os.listdir("/home")),
            "list /root/.ssh": tried(lambda: os.listdir("/root/.ssh")),
            "write to the engine": tried(write("/candela/engine/x")),
            "write to the driver": tried(write("/candela/driver/x")),
            "write to /": tried(write("/x")),
            "write to /usr": tried(write("/usr/x")),
            "write to /dev": tried(write("/dev/x")),
            "write to its folder": tried(write("x")),
            "write to /tmp": tried(write("/tmp/x")),
            "capabilities": capabilities(),
            "processes": str(len([p for p in os.listdir("/proc") if p.isdigit()])),
            "mount": str(subprocess.run(["mount", "-t", "tmpfs", "x", "/tmp"], capture_output=True).returncode != 0),
            "environment": " ".join(sorted(os.environ)),
        }
        devices = [{"kind": key, "name": value} for key, value in facts.items()]
        return {"version": [1, 2, 3], "devices": devices}


if __name__ == "__main__":
    candela_driver.main(Spy)
