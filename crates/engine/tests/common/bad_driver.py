"""A driver that misbehaves in the way that the scene's name asks for: in `open`."""

import os
import subprocess
import sys
import time

import candela_driver


class Bad(candela_driver.Driver):
    def open(self, request):
        way = os.path.basename(request["path"])
        if way == "hang.blend":
            subprocess.Popen(["sleep", "1000"])
            time.sleep(1000)
        if way == "memory.blend":
            hoard = []
            while True:
                hoard.append(bytearray(os.urandom(1 << 20)) * 64)
        if way == "disk.blend":
            while True:
                with open("fill-%d" % time.monotonic_ns(), "wb") as file:
                    file.write(bytes(16 << 20))
        if way == "nonsense.blend":
            os.write(3, b"")
            self.send({"event": "what"})
        if way == "exit.blend":
            print("my last words", file=sys.stderr)
            os._exit(7)
        return {}


if __name__ == "__main__":
    candela_driver.main(Bad)
