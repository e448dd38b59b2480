# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What changes, as it changes: server-sent events over a connection that is made again when it drops."""

import contextlib
import http.client
import json
import random
import socket
import threading

from .errors import Refusal, Unreachable
from .transport import PASSING, PAUSE_S, SILENCE_S

# A job's summary is below 4 KB, a node's may name many tasks.
EVENT_BYTES_MAX = 1 << 20


class EventStream:
    """Iterates over `(name, data)`: `job`, `frame` and `node`, and `reset`.

    The first event, and the first after each gap, is `("reset", None)`: read again what you rely on.
    It ends when it is closed, from whichever thread, and raises a `Refusal` that doesn't pass.
    """

    def __init__(self, transport, job=None):
        self._transport = transport
        self._path = "/events" if job is None else f"/jobs/{job}/events"
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._made = None

    def close(self):
        """Ends it; whoever waits for an event gets none any more."""
        self._closed.set()
        with self._lock:
            made, self._made = self._made, None
        if made is not None and made.sock is not None:
            # Closing alone doesn't wake a thread that reads.
            with contextlib.suppress(OSError):
                made.sock.shutdown(socket.SHUT_RDWR)

    def __iter__(self):
        pause = PAUSE_S[0]
        while not self._closed.is_set():
            try:
                for event in self._connection():
                    pause = PAUSE_S[0]
                    yield event
            except Refusal as refusal:
                if refusal.code not in PASSING:
                    raise
            except Unreachable:
                pass
            self._transport.check()
            self._closed.wait(pause)
            pause = min(pause * 2, PAUSE_S[1]) * random.uniform(0.8, 1.0)

    def _connection(self):
        headers = {"Accept": "text/event-stream"}
        made, _, response = self._transport.open(
            "GET", self._path, headers=headers, timeout_s=SILENCE_S, keep=False
        )
        # The response takes the socket with it when the reply has no length.
        sock = made.sock
        with self._lock:
            if self._closed.is_set():
                made.close()
                return
            self._made = made
        try:
            yield "reset", None
            yield from read_events(response)
        except (OSError, ValueError, http.client.HTTPException):
            return
        finally:
            with self._lock:
                self._made = None
            response.close()
            if sock is not None:
                made.close()


def read_events(lines):
    """Events out of an open stream, until it ends. Kinds that aren't known are passed over."""
    name, data, size = "", [], 0
    while True:
        line = lines.readline(EVENT_BYTES_MAX + 1)
        if not line:
            return
        size += len(line)
        if size > EVENT_BYTES_MAX:
            # Whoever sends that is broken; the next connection begins with a reset.
            return
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            if name == "reset":
                yield "reset", None
            elif name in ("job", "frame", "node") and data:
                try:
                    yield name, json.loads("\n".join(data))
                except ValueError:
                    # What can't be read may have mattered.
                    yield "reset", None
            name, data, size = "", [], 0
            continue
        field, _, value = text.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
