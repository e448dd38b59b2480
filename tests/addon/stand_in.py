# SPDX-License-Identifier: GPL-3.0-or-later
"""A manager's upload interface in memory, with faults on demand, for tests of the client alone.

It follows the same rules as the manager: chunks that are known are filled in, what arrived before a
connection broke is kept, and a file whose SHA-256 is another is dropped. What it can't know, the
BLAKE3 hash, is the SHA-256 here: to the client both are only words.
"""

import hashlib
import http.server
import json
import threading
import urllib.parse


class StandIn:
    """`faults` is a list that requests take from the front: None, "drop" (the connection breaks in the
    middle of the body), "busy", "forget" (another manager leads, which knows no uploads) or "down"."""

    def __init__(self):
        self.chunks, self.uploads, self.faults, self.seen = {}, {}, [], []
        self.received_bytes = 0
        self.pages = {}
        self.lock = threading.RLock()
        stand_in = self

        class Handler(_Handler):
            manager = stand_in

        self.server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = "http://127.0.0.1:%d" % self.server.server_port

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def begin(self, question):
        for upload in self.uploads.values():
            if upload["sha256"] == question["sha256"] and upload["bytes"] == question["bytes"]:
                return upload
        upload = {
            "id": str(len(self.uploads) + 1),
            "data": bytearray(question["bytes"]),
            "have": bytearray(question["bytes"]),
            "taken": 0,
            "hash": None,
            **question,
        }
        upload.setdefault("chunks", [{k: question[k] for k in ("sha256", "bytes")}])
        at = 0
        for chunk in upload["chunks"]:
            known = self.chunks.get(chunk["sha256"])
            if known is not None:
                self.put(upload, at, known)
                upload["taken"] += len(known)
            at += chunk["bytes"]
        assert at == question["bytes"], "the chunks don't cover the file"
        self.uploads[upload["id"]] = upload
        self.finish(upload)
        return upload

    def put(self, upload, offset, data):
        upload["data"][offset : offset + len(data)] = data
        upload["have"][offset : offset + len(data)] = b"\1" * len(data)

    def finish(self, upload):
        """Whether it's right, or not whole yet."""
        if 0 in upload["have"]:
            return True
        if hashlib.sha256(upload["data"]).hexdigest() != upload["sha256"]:
            del self.uploads[upload["id"]]
            return False
        at = 0
        for chunk in upload["chunks"]:
            piece = bytes(upload["data"][at : at + chunk["bytes"]])
            self.chunks[hashlib.sha256(piece).hexdigest()] = piece
            at += chunk["bytes"]
        upload["hash"] = upload["sha256"]
        return True

    def info(self, upload):
        missing, at, have = [], 0, upload["have"]
        while (start := have.find(0, at)) >= 0:
            end = have.find(1, start)
            at = end if end >= 0 else len(have)
            missing.append({"offset": start, "bytes": at - start})
        return {
            "id": upload["id"],
            "bytes": upload["bytes"],
            "hash": upload["hash"],
            "missing": missing,
            "taken_over_bytes": upload["taken"],
        }


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that go away are what is tested."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    manager = None

    def log_message(self, *args):
        pass

    def answer(self, status, value, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers:
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, code, message):
        self.answer(status, {"code": code, "message": message, "hint": None})

    def ask(self):
        url = urllib.parse.urlsplit(self.path)
        path = url.path.removeprefix("/api/v1")
        length = int(self.headers.get("Content-Length") or 0)
        manager = self.manager
        with manager.lock:
            manager.seen.append((self.command, path))
            fault = manager.faults.pop(0) if manager.faults else None
        if fault == "drop":
            half = self.rfile.read(length // 2)
            if self.command == "PUT":
                self.keep(path, url, half)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        with manager.lock:
            if fault == "busy":
                return self.refuse(429, "busy", "too many uploads at once")
            if fault == "down":
                return self.refuse(503, "no_leader", "the managers have no leader")
            if fault == "forget":
                manager.uploads.clear()
            if self.command == "POST" and path == "/uploads":
                upload = manager.begin(json.loads(body))
                return self.answer(200, manager.info(upload))
            if path.startswith("/uploads/"):
                upload = manager.uploads.get(path.split("/")[2])
                if upload is None:
                    return self.refuse(404, "not_found", "there is no such upload")
                if self.command == "PUT" and not self.keep(path, url, body):
                    return self.refuse(422, "hash_mismatch", "the bytes have another hash")
                return self.answer(200, manager.info(upload))
            page = manager.pages.get((self.command, path))
            if page is None:
                return self.refuse(404, "not_found", "there is nothing at that address")
            status, value, headers = page
            return self.answer(status, value, headers)

    def keep(self, path, url, data):
        upload = self.manager.uploads[path.split("/")[2]]
        offset = int(urllib.parse.parse_qs(url.query)["offset"][0])
        self.manager.put(upload, offset, data)
        self.manager.received_bytes += len(data)
        return self.manager.finish(upload)

    do_GET = do_POST = do_PUT = do_DELETE = ask
