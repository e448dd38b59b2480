# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Talks to a manager of Candela: submit scenes, watch jobs, fetch frames, claim bad results.

Python 3.10 or newer, standard library only. The Blender add-on carries a copy of this package, and
scripts use it as it is:

    from candela_client import Client

    client = Client("http://127.0.0.1:4470")
    job = client.submit_files("scene.blend", frames="1-24", name="lamp")
    client.wait(job["id"], folder="frames")

Everything that the manager refuses is a `Refusal` with `code`, `message` and `hint`; everything
that went wrong on the way is another `CandelaError`. Replies are the manager's JSON as plain
dictionaries: its OpenAPI description says what is in them.
"""

from .chunks import Plan, plan_file
from .client import TERMINAL, Client
from .errors import Cancelled, CandelaError, Damaged, FileChanged, FileTrouble, Refusal, Unreachable
from .events import EventStream
from .frames import parse_frames
from .outputs import can_check_hashes

__version__ = "0.1.0"
__all__ = [
    "Cancelled",
    "CandelaError",
    "Client",
    "Damaged",
    "EventStream",
    "FileChanged",
    "FileTrouble",
    "Plan",
    "Refusal",
    "TERMINAL",
    "Unreachable",
    "can_check_hashes",
    "parse_frames",
    "plan_file",
]
