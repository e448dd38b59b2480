# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Verified frames, fetched: written under another name first, and under their own once they are right.

A frame's name is the BLAKE3 hash of its bytes. The standard library has no BLAKE3: with the package
`blake3` (as in `pip install blake3`) the hash of what came is compared, without it its length alone,
and that the manager still offers that very hash.
"""

import contextlib
import http.client
import os
import threading

from .errors import Damaged, FileTrouble
from .transport import SILENCE_S

try:
    from blake3 import blake3
except ImportError:
    blake3 = None

READ_BYTES = 256 << 10


def can_check_hashes():
    """Whether frames are compared with their hash, and not with their length alone."""
    return blake3 is not None


def is_there(path, output):
    """Whether a file is that output, to the byte. Needs `can_check_hashes()`."""
    try:
        if os.path.getsize(path) != output["bytes"]:
            return False
        hasher = blake3()
        with open(path, "rb") as file:
            while piece := file.read(READ_BYTES):
                hasher.update(piece)
    except OSError:
        return False
    return hasher.hexdigest() == output["hash"]


def fetch(transport, path, to, want_hash=None, want_bytes=None, what="the frame"):
    """Downloads `path` to the file `to`; returns `{"bytes", "hash"}`.

    `hash` is the one that the manager says; it is compared if `can_check_hashes()`.
    """
    folder, name = os.path.split(os.path.abspath(to))
    part = os.path.join(folder, f".{name}.{os.getpid()}-{threading.get_ident()}.part")

    def once():
        made, front, response = transport.open("GET", path, timeout_s=SILENCE_S)
        told = response.getheader("ETag", "").strip('"') or None
        length = response.getheader("Content-Length", "")
        hasher = blake3() if blake3 else None
        got = 0
        try:
            with _writing(part), open(part, "wb") as file:
                while True:
                    transport.check()
                    try:
                        piece = response.read(READ_BYTES)
                    except (OSError, http.client.HTTPException) as error:
                        raise transport.unreachable(error) from error
                    if not piece:
                        break
                    got += len(piece)
                    if hasher:
                        hasher.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            made.close()
            raise
        transport.keep(made, front)
        lengths = {want_bytes, int(length) if length.isdigit() else None} - {None}
        if lengths - {got}:
            raise transport.unreachable(ConnectionError(f"{what} came only in part"))
        hashes = {want_hash, told, hasher.hexdigest() if hasher else None} - {None}
        if len(hashes) > 1:
            raise Damaged(f"{what} is not what its hash says", "fetch it again")
        with _writing(to):
            os.replace(part, to)
        return {"bytes": got, "hash": told or want_hash}

    try:
        return transport.patiently(once)
    finally:
        with contextlib.suppress(OSError):
            os.remove(part)


@contextlib.contextmanager
def _writing(path):
    """Tells what is wrong with the disk apart from what is wrong with the network."""
    try:
        yield
    except (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise _unwritable(path, error) from error
    except OSError as error:
        if error.filename or error.errno is not None and error.__class__ is OSError:
            raise _unwritable(path, error) from error
        raise


def _unwritable(path, error):
    folder = os.path.dirname(path)
    why = error.strerror or str(error)
    return FileTrouble(
        folder,
        f"frames can't be written to {folder} ({why})",
        "choose another folder, or make room",
    )


def prepare_folder(folder):
    """Makes a folder for frames, and makes sure that files can be written there."""
    try:
        os.makedirs(folder, exist_ok=True)
        probe = os.path.join(folder, f".candela-{os.getpid()}-{threading.get_ident()}.part")
        with open(probe, "wb"):
            pass
        os.remove(probe)
    except OSError as error:
        raise _unwritable(os.path.join(folder, ""), error) from error
