# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Uploads that go on where they broke off, and send nothing that the manager has already."""

import threading
import time

from .chunks import plan_file, unreadable
from .errors import CandelaError, Cancelled, FileChanged, Refusal
from .transport import UPLOAD_S

# Bytes of one request: little is lost when a connection breaks, and a cancel is soon heard.
PIECE_BYTES = 4 << 20
# Between two gaps so small a known part is sent along: a request costs more than the bytes.
JOIN_BYTES = 16 << 10


class Progress:
    """Counts bytes of several threads, and tells them.

    `tell(progress)` is called after each change with the counts as attributes: `bytes` in all,
    `hashed`, `sent` over the network, `known` to the manager before.
    """

    def __init__(self, tell=None, total_bytes=0):
        self.bytes = total_bytes
        self.hashed = self.sent = self.known = 0
        # Set when another file can't be sent: the rest needn't be then.
        self.stopped = False
        self._tell = tell
        self._lock = threading.Lock()

    def add(self, hashed=0, sent=0, known=0):
        """Adds to the counts."""
        if self.stopped:
            raise Cancelled()
        with self._lock:
            self.hashed += hashed
            self.sent += sent
            self.known += known
        if self._tell:
            self._tell(self)


def upload_file(transport, path, progress=None, patience_s=None, plan=None):
    """Uploads a file; returns `(hash, bytes)` as a scene's files need them.

    Raises `FileChanged` if the file is another one at the end than at the beginning.
    """
    progress = progress or Progress()
    plan = plan or plan_file(path, lambda n: progress.add(hashed=n), transport.check)
    patience_s = UPLOAD_S if patience_s is None else patience_s
    question = {"bytes": plan.bytes, "sha256": plan.sha256}
    if plan.chunks:
        question["chunks"] = [{"sha256": sha256, "bytes": n} for sha256, n in plan.chunks]

    def ask():
        return transport.call(
            "POST", "/uploads", json_body=question, timeout_s=UPLOAD_S, patience_s=patience_s
        )

    info = ask()
    progress.add(known=plan.bytes - sum(gap["bytes"] for gap in info["missing"]))
    try:
        info = _fill(transport, path, plan, info, ask, progress, patience_s)
    except Refusal as refusal:
        if refusal.code != "hash_mismatch":
            raise
        # Bytes were read twice, and differed: somebody writes to the file.
        raise FileChanged(path) from refusal
    if not plan.is_of(path):
        raise FileChanged(path)
    return info["hash"], plan.bytes


def _fill(transport, path, plan, info, ask, progress, patience_s):
    """Sends what is missing until the manager has the whole file."""
    end = time.monotonic() + patience_s
    try:
        with open(path, "rb") as file:
            while not info["hash"]:
                if not info["missing"]:
                    # All is there; the manager still compares it.
                    info = _wait(transport, info, ask, end)
                    continue
                left = sum(gap["bytes"] for gap in info["missing"])
                info = _send(transport, path, file, info, ask, progress, patience_s)
                if sum(gap["bytes"] for gap in info["missing"]) < left:
                    end = time.monotonic() + patience_s
                elif time.monotonic() > end:
                    raise CandelaError(f"{path} can't be uploaded", "try again in a moment")
    except OSError as error:
        raise unreadable(path, error) from error
    return info


def _wait(transport, info, ask, end):
    if time.monotonic() > end:
        raise CandelaError("the manager doesn't finish an upload", "try again in a moment")
    transport.rest(0.2)
    try:
        return transport.call("GET", f"/uploads/{info['id']}")
    except Refusal as refusal:
        if refusal.code != "not_found":
            raise
        return ask()


def _send(transport, path, file, info, ask, progress, patience_s):
    """Sends the gaps that the manager named, one after the other; returns what it says then."""
    headers = {"Content-Type": "application/octet-stream"}
    for offset, length in pieces(info["missing"]):
        transport.check()
        file.seek(offset)
        data = file.read(length)
        if len(data) != length:
            raise FileChanged(path)
        try:
            info = transport.call(
                "PUT",
                f"/uploads/{info['id']}",
                query={"offset": offset},
                body=data,
                headers=headers,
                timeout_s=UPLOAD_S,
                patience_s=patience_s,
            )
        except Refusal as refusal:
            if refusal.code != "not_found":
                raise
            # Another manager leads, which doesn't know this upload: it says what it lacks.
            return ask()
        progress.add(sent=length)
        if info["hash"]:
            break
    return info


def pieces(missing):
    """What to send for the gaps, as (offset, bytes): near ones together, long ones in parts."""
    joined = []
    for gap in sorted(missing, key=lambda gap: gap["offset"]):
        offset, end = gap["offset"], gap["offset"] + gap["bytes"]
        if joined and offset - joined[-1][1] <= JOIN_BYTES and end - joined[-1][0] <= PIECE_BYTES:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([offset, end])
    for offset, end in joined:
        while offset < end:
            length = min(PIECE_BYTES, end - offset)
            yield offset, length
            offset += length
