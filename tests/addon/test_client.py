# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the Python client that need neither Blender nor a network: `python -m unittest`."""

import glob
import hashlib
import io
import os
import random
import struct
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "python"))
sys.path.insert(0, HERE)

from candela_client import (  # noqa: E402
    CandelaError,
    Cancelled,
    Client,
    Damaged,
    FileChanged,
    FileTrouble,
    Refusal,
    Unreachable,
    parse_frames,
    plan_file,
)
from candela_client import chunks, outputs, uploads  # noqa: E402
from candela_client.client import safe_name  # noqa: E402
from candela_client.events import read_events  # noqa: E402
from candela_client.transport import base_of, is_loopback  # noqa: E402
from stand_in import StandIn  # noqa: E402


def block(code, data, form="<4siQii"):
    """A block of a .blend with its head."""
    if form.endswith("qq"):
        return struct.pack(form, code, 1, 0xABCD, len(data), 1) + data
    return struct.pack(form, code, len(data), 0xABCD, 1, 1) + data


class Frames(unittest.TestCase):
    def test_what_is_understood(self):
        for text, want in [
            ("1-4", [1, 2, 3, 4]),
            ("1,5,9-12", [1, 5, 9, 10, 11, 12]),
            ("1-100/50", [1, 51]),
            ("-5--3", [-5, -4, -3]),
            (" 3 , 1 ", [1, 3]),
            ("-2-1", [-2, -1, 0, 1]),
            ("+7", [7]),
        ]:
            self.assertEqual(parse_frames(text), want, text)

    def test_what_is_refused(self):
        for text, code in [
            ("", "frames_empty"),
            ("9-1", "frames_empty"),
            ("a", "frames_not_understood"),
            ("1-", "frames_not_understood"),
            ("1_0", "frames_not_understood"),
            ("1-4/0", "frames_not_understood"),
            ("1,,2", "frames_not_understood"),
            ("1-200000", "frames_too_many"),
            ("9999999", "frame_out_of_range"),
        ]:
            with self.assertRaises(Refusal, msg=text) as caught:
                parse_frames(text)
            self.assertEqual(caught.exception.code, code, text)


class Addresses(unittest.TestCase):
    def test_as_people_write_them(self):
        for text, want in [
            ("http://127.0.0.1:4470", ("http", "127.0.0.1", 4470)),
            ("manager.example:4470", ("http", "manager.example", 4470)),
            (" https://m.example/jobs/7 ", ("https", "m.example", 443)),
            ("http://[::1]:4470", ("http", "::1", 4470)),
        ]:
            self.assertEqual(base_of(text), want)
        for text in ["", "ftp://a", "http://", "http://a:b", "http://a:99999", "http://u:p@a"]:
            with self.assertRaises(CandelaError, msg=text):
                base_of(text)

    def test_this_machine(self):
        for host, want in [
            ("localhost", True),
            ("127.0.0.1", True),
            ("127.evil.example", False),
            ("127.0.0.1.example", False),
            ("10.0.0.1", False),
        ]:
            self.assertEqual(is_loopback(host), want, host)

    def test_tokens_that_no_header_can_carry(self):
        for token in ["a\nb", "schlüssel"]:
            with self.assertRaises(CandelaError, msg=token):
                Client("http://127.0.0.1:1", token)


class Chunks(unittest.TestCase):
    def plan_of(self, data):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.blend")
            with open(path, "wb") as file:
                file.write(data)
            plan = plan_file(path)
        self.assertEqual(sum(n for _, n in plan.chunks), len(data))
        self.assertEqual(plan.sha256, hashlib.sha256(data).hexdigest())
        at = 0
        for sha256, n in plan.chunks:
            self.assertEqual(sha256, hashlib.sha256(data[at : at + n]).hexdigest())
            self.assertLessEqual(n, chunks.CHUNK_BYTES_MAX)
            at += n
        return plan

    def moved(self, head, form):
        """A large block is found again although what is in front of it grew, and its head changed."""
        rng = random.Random(7)
        big = [rng.randbytes(3 << 20), rng.randbytes(20_000), rng.randbytes(100_000)]
        small = block(b"DATA", rng.randbytes(500), form)

        def scene(count, changed):
            parts = [head, small * count]
            for i, data in enumerate(big):
                parts += [block(b"DATA", changed.get(i, data), form), small * 3]
            return b"".join(parts) + block(b"ENDB", b"", form)

        first = self.plan_of(scene(10, {}))
        second = self.plan_of(scene(1000, {2: rng.randbytes(100_000)}))
        known = {sha256 for sha256, _ in first.chunks}
        new = sum(n for sha256, n in second.chunks if sha256 not in known)
        # The third block, and what is small.
        self.assertLess(new, 100_000 + 1003 * (len(small)) + 5_000)
        self.assertGreater(new, 100_000)

    def test_moved_blocks_of_each_form(self):
        self.moved(b"BLENDER-v405", "<4siQii")
        self.moved(b"BLENDER_v248", "<4siIii")
        self.moved(b"BLENDER-V279", ">4siQii")
        self.moved(b"BLENDER17-01v0500", "<4siQqq")

    def test_damaged_files_are_still_cut(self):
        rng = random.Random(1)
        for data in [
            b"",
            b"BLENDER",
            b"BLENDER-v405",
            b"BLENDER-v405" + block(b"DATA", b"x" * 100)[:50],
            b"BLENDER-v405" + struct.pack("<4siQii", b"DATA", -5, 0, 0, 0) + rng.randbytes(99),
            b"BLENDER99-01v0500" + rng.randbytes(200_000),
            b"BLENDER-v405" + rng.randbytes(2_000_000),
            rng.randbytes(9 << 20),
        ]:
            self.plan_of(data)

    def test_others_in_even_chunks(self):
        plan = self.plan_of(bytes(9 << 20))
        self.assertEqual([n for _, n in plan.chunks], [4 << 20, 4 << 20, 1 << 20])

    def test_few_enough(self):
        lengths = chunks._fewer([100] * (chunks.CHUNKS_MAX * 3))
        self.assertLessEqual(len(lengths), chunks.CHUNKS_MAX)
        self.assertEqual(sum(lengths), 300 * chunks.CHUNKS_MAX)

    def test_real_scenes(self):
        folder = os.environ.get("CANDELA_FIXTURES", "")
        paths = glob.glob(os.path.join(folder, "**", "*.blend"), recursive=True) if folder else []
        if not paths:
            self.skipTest("CANDELA_FIXTURES names no folder with scenes")
        cut = 0
        for path in paths:
            with open(path, "rb") as file:
                head = file.read(7)
                size = os.path.getsize(path)
                file.seek(0)
                blocks = list(chunks._blend_blocks(file, size))
            plan = plan_file(path)
            self.assertEqual(sum(n for _, n in plan.chunks), size, path)
            if head != b"BLENDER":
                self.assertEqual(blocks, [None], path)
                continue
            cut += 1
            # All is understood: between the last block and the end is nothing but the end's own head.
            end = blocks[-1][0] + blocks[-1][1]
            self.assertLessEqual(size - end, 32, path)
        self.assertGreater(cut, 0)

    def test_a_file_that_changes_meanwhile(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.bin")
            with open(path, "wb") as file:
                file.write(bytes(5 << 20))

            def grow(_):
                with open(path, "ab") as file:
                    file.write(b"x")

            with self.assertRaises(FileChanged):
                plan_file(path, progress=grow)
            with self.assertRaises(FileTrouble):
                plan_file(os.path.join(folder, "not there"))


class Uploads(unittest.TestCase):
    def setUp(self):
        self.manager = StandIn()
        self.addCleanup(self.manager.close)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.client = Client(self.manager.address, patience_s=5)
        self.addCleanup(self.client.close)
        self.rng = random.Random(3)

    def file(self, data, name="a.bin"):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_once_and_again(self):
        data = self.rng.randbytes(9 << 20)
        path = self.file(data)
        want = hashlib.sha256(data).hexdigest()
        self.assertEqual(self.client.upload(path), (want, len(data)))
        self.assertEqual(self.manager.received_bytes, len(data))
        self.assertEqual(self.client.upload(path), (want, len(data)))
        self.assertEqual(self.manager.received_bytes, len(data), "nothing is sent twice")
        path = self.file(data[: 8 << 20] + b"other")
        self.client.upload(path)
        self.assertEqual(self.manager.received_bytes, len(data) + 5)

    def test_empty_and_small(self):
        for data in [b"", b"x"]:
            self.assertEqual(self.client.upload(self.file(data))[1], len(data))

    def test_faults(self):
        for faults in [
            ["drop"],
            [None, "drop"],
            [None, None, "drop", "drop"],
            ["busy", "down", None, "busy"],
            [None, None, "forget"],
            [None, "drop", "forget"],
        ]:
            data = self.rng.randbytes(10 << 20)
            self.manager.faults[:] = faults
            want = (hashlib.sha256(data).hexdigest(), len(data))
            self.assertEqual(self.client.upload(self.file(data)), want, faults)
            self.assertEqual(self.manager.faults, [], "all faults came")

    def test_what_arrived_before_a_break_is_not_sent_again(self):
        data = self.rng.randbytes(4 << 20)
        self.manager.faults[:] = ["drop"]
        path = self.file(data)
        self.client.upload(path)
        self.manager.received_bytes = 0
        # The first try ends with the client; the second one asks what is missing.
        other = self.rng.randbytes(8 << 20)
        self.manager.faults[:] = [None, None] + ["drop"] * 50
        hasty = Client(self.manager.address, patience_s=0)
        with self.assertRaises(Unreachable):
            uploads.upload_file(hasty._transport, self.file(other), patience_s=0)
        self.manager.faults.clear()
        self.manager.received_bytes = 0
        self.client.upload(self.file(other))
        self.assertLess(self.manager.received_bytes, len(other))
        self.assertGreater(self.manager.received_bytes, 0)

    def test_a_scene_and_its_progress(self):
        files = {
            "scene.blend": self.file(self.rng.randbytes(1 << 20), "s"),
            "textures/a.png": self.file(b"a" * 10, "t"),
            "textures/b.png": self.file(b"a" * 10, "t"),
        }
        told = []
        got = self.client.upload_scene(files, lambda p: told.append((p.hashed, p.sent, p.known)))
        self.assertEqual([file["path"] for file in got], sorted(files))
        self.assertEqual(got[1]["hash"], got[2]["hash"])
        self.assertEqual(told[-1][0], (1 << 20) + 10)
        self.assertEqual(told[-1][1], (1 << 20) + 10)

    def test_a_file_that_changes_between_reading_and_sending(self):
        data = self.rng.randbytes(8 << 20)
        path = self.file(data)
        plan = plan_file(path)
        self.file(data[::-1])
        with self.assertRaises(FileChanged):
            uploads.upload_file(self.client._transport, path, plan=plan)

    def test_cancel(self):
        cancel = threading.Event()
        client = Client(self.manager.address, patience_s=60, cancel=cancel)
        self.manager.faults[:] = ["down"] * 1000
        threading.Timer(0.5, cancel.set).start()
        begin = time.monotonic()
        with self.assertRaises(Cancelled):
            client.upload(self.file(b"x"))
        self.assertLess(time.monotonic() - begin, 5)

    def test_gaps_become_pieces(self):
        gap = lambda offset, bytes: {"offset": offset, "bytes": bytes}  # noqa: E731
        for missing, want in [
            ([], []),
            ([gap(0, 10)], [(0, 10)]),
            ([gap(0, 10), gap(20, 5)], [(0, 25)]),
            ([gap(0, 10), gap(1 << 20, 5)], [(0, 10), (1 << 20, 5)]),
            ([gap(5, 9 << 20)], [(5, 4 << 20), (5 + (4 << 20), 4 << 20), (5 + (8 << 20), 1 << 20)]),
        ]:
            self.assertEqual(list(uploads.pieces(missing)), want)

    def test_refusals_and_what_is_no_manager(self):
        pages = self.manager.pages
        told = {"code": "no_such_job", "message": "there is no job 7", "hint": "see `jobs`"}
        pages["GET", "/jobs/7"] = (404, told, [])
        with self.assertRaises(Refusal) as caught:
            self.client.job(7)
        self.assertEqual(caught.exception.code, "no_such_job")
        self.assertEqual(str(caught.exception), "There is no job 7: see `jobs`.")
        pages["GET", "/healthz"] = (200, b"<html>", [])
        with self.assertRaises(CandelaError):
            self.client.health()
        pages["GET", "/healthz"] = (403, b"<html>", [])
        with self.assertRaises(Refusal) as caught:
            self.client.health()
        self.assertEqual(caught.exception.code, "not_understood")
        hasty = Client("http://127.0.0.1:9", patience_s=0)
        with self.assertRaises(Unreachable):
            hasty.health()


class Outputs(unittest.TestCase):
    def setUp(self):
        self.manager = StandIn()
        self.addCleanup(self.manager.close)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.client = Client(self.manager.address, patience_s=1)
        self.frame = {
            "number": 3,
            "output": {
                "hash": blake3_of(b"picture"),
                "bytes": 7,
                "url": "/api/v1/jobs/1/frames/3/output",
                "file_name": "0003.png",
            },
        }
        self.offer(b"picture")

    def offer(self, data, hash=None):
        etag = hash or self.frame["output"]["hash"]
        headers = [("ETag", f'"{etag}"')]
        self.manager.pages["GET", "/jobs/1/frames/3/output"] = (200, data, headers)

    def fetch(self, folder=None):
        return self.client.fetch_frame(1, self.frame, folder or self.folder.name)

    def test_a_frame(self):
        path = self.fetch()
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"picture")
        self.assertEqual(os.listdir(self.folder.name), ["0003.png"], "nothing else is left")

    def test_what_is_not_right_is_not_kept(self):
        self.offer(b"pictur")
        with self.assertRaises(Unreachable):
            self.fetch()
        self.offer(b"picture", "0" * 64)
        with self.assertRaises(Damaged):
            self.fetch()
        if outputs.can_check_hashes():
            self.offer(b"PICTURE")
            with self.assertRaises(Damaged):
                self.fetch()
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_folders_that_can_not_be_written(self):
        with self.assertRaises(FileTrouble):
            self.fetch(os.path.join(self.folder.name, "not there"))
        file = os.path.join(self.folder.name, "file")
        open(file, "wb").close()
        with self.assertRaises(FileTrouble):
            outputs.prepare_folder(os.path.join(file, "folder"))

    def test_names_stay_in_their_folder(self):
        for name, want in [
            ("0001.png", "0001.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\y.png", "y.png"),
            ("..", "frame"),
            ("a\nb", "a_b"),
        ]:
            self.assertEqual(safe_name(name), want)


def blake3_of(data):
    return outputs.blake3(data).hexdigest() if outputs.can_check_hashes() else "1" * 64


class Events(unittest.TestCase):
    def test_streams(self):
        for text, want in [
            ('event: job\ndata: {"id": 1}\n\n', [("job", {"id": 1})]),
            ('event: job\r\ndata: {"id":\r\ndata: 1}\r\n\r\n', [("job", {"id": 1})]),
            (": keep-alive\n\n", []),
            ("event: reset\ndata: \n\n", [("reset", None)]),
            ("event: job\ndata: {\n\n", [("reset", None)]),
            ("event: other\ndata: {}\n\n", []),
            ("event: job\ndata: {}\n", []),
            ("event: job\ndata: " + "x" * (1 << 20) + "\n\n", []),
        ]:
            self.assertEqual(list(read_events(io.BytesIO(text.encode()))), want, text[:60])


if __name__ == "__main__":
    unittest.main()
