# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Cuts files into chunks, so that of a file that the manager has in part only the rest is sent.

A .blend that isn't compressed is a sequence of blocks, each with its length in front. Meshes and
packed images are large blocks whose bytes stay the same from one saving to the next, but lie
elsewhere in the file. So each large block begins a chunk of its own: what was moved is found again.
The head of a block holds an address that changes with each start of Blender, so it goes with what
is in front of the block.
"""

import hashlib
import os
import struct
from dataclasses import dataclass

from .errors import FileChanged, FileTrouble

# From here on a block is worth a chunk: the hash and length of a chunk are about 90 bytes of JSON.
BLOCK_BYTES_MIN = 16 << 10
# A large block is cut: painting on a texture changes a part of it.
BLOCK_CHUNK_BYTES = 1 << 20
# Small blocks are gathered.
SMALL_BYTES = 64 << 10
# Other files: images and caches change as a whole, or not at all.
OTHER_CHUNK_BYTES = 4 << 20
# The manager takes so many at most; a larger file gets longer chunks.
CHUNKS_MAX = 200_000
CHUNK_BYTES_MAX = 16 << 20


@dataclass(frozen=True)
class Plan:
    """A file that was read once: its length, its SHA-256, and its chunks as (SHA-256, bytes)."""

    bytes: int
    sha256: str
    chunks: tuple
    mtime_ns: int

    def is_of(self, path):
        """Whether the file on disk is still the one that was read."""
        try:
            now = os.stat(path)
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.bytes, self.mtime_ns)


def _blend_head(file):
    """Length of the file's head, and how to read a block's: (struct, index of its length)."""
    start = file.read(17)
    if start[:7] != b"BLENDER" or len(start) < 17:
        return None
    if start[7:8] in b"-_":
        # BLENDER-v405: pointers of 8 (-) or 4 (_) bytes, little (v) or big (V) endian.
        order = {b"v": "<", b"V": ">"}.get(start[8:9])
        pointer = "Q" if start[7:8] == b"-" else "I"
        return order and (12, struct.Struct(f"{order}4si{pointer}ii"), 1)
    if start[7:9].isdigit() and start[9:13] == b"-01v":
        # BLENDER17-01v0500: the head says its own length, and blocks have lengths of 8 bytes.
        return int(start[7:9]), struct.Struct("<4siQqq"), 3
    return None


def _blend_blocks(file, size):
    """Yields where the data of each block lies, as (offset, bytes); None first if it's no such file."""
    head = _blend_head(file)
    if not head:
        yield None
        return
    at, form, length_at = head
    while at + form.size <= size:
        file.seek(at)
        fields = form.unpack(file.read(form.size))
        length = fields[length_at]
        data = at + form.size
        if fields[0] == b"ENDB":
            return
        if length < 0 or data + length > size:
            # Damaged, or of a kind that isn't known: what was found so far is still good to cut at.
            return
        yield data, length
        at = data + length


def _lengths(path, size):
    """The lengths of the chunks of a file, in order."""
    with open(path, "rb") as file:
        cuts, at = [], 0

        def even(to, step):
            nonlocal at
            while at < to:
                at = min(at + step, to)
                cuts.append(at)

        for block in _blend_blocks(file, size):
            if block is None:
                break
            data, length = block
            if length >= BLOCK_BYTES_MIN:
                even(data, SMALL_BYTES)
                even(data + length, BLOCK_CHUNK_BYTES)
            elif data + length - at >= SMALL_BYTES:
                even(data + length, SMALL_BYTES)
        even(size, SMALL_BYTES if cuts else OTHER_CHUNK_BYTES)
    lengths, before = [], 0
    for cut in cuts:
        lengths.append(cut - before)
        before = cut
    return lengths


def _fewer(lengths):
    """Neighbours joined until there are few enough chunks."""
    while len(lengths) > CHUNKS_MAX:
        joined, i = [], 0
        while i < len(lengths):
            pair = sum(lengths[i : i + 2])
            if pair <= CHUNK_BYTES_MAX:
                joined.append(pair)
                i += 2
            else:
                joined.append(lengths[i])
                i += 1
        if len(joined) == len(lengths):
            break
        lengths = joined
    return lengths


def plan_file(path, progress=None, check=None):
    """Reads a file once and says what is in it.

    `progress(bytes)` is called as it goes on; `check()` may raise to break off.
    """
    try:
        before = os.stat(path)
        lengths = _fewer(_lengths(path, before.st_size))
        whole, chunks = hashlib.sha256(), []
        with open(path, "rb") as file:
            for length in lengths:
                if check:
                    check()
                data = file.read(length)
                if len(data) != length:
                    raise FileChanged(path)
                whole.update(data)
                chunks.append((hashlib.sha256(data).hexdigest(), length))
                if progress:
                    progress(length)
            if file.read(1):
                raise FileChanged(path)
    except OSError as error:
        raise unreadable(path, error) from error
    plan = Plan(before.st_size, whole.hexdigest(), tuple(chunks), before.st_mtime_ns)
    if not plan.is_of(path):
        raise FileChanged(path)
    return plan


def unreadable(path, error):
    """A file that can't be read, as a sentence."""
    why = error.strerror or str(error)
    return FileTrouble(path, f"{path} can't be read ({why})", "put it back or let it be read")
