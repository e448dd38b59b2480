# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The client itself: one method per call of the manager's interface."""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor, as_completed

from . import outputs
from .chunks import unreadable
from .errors import CandelaError, Refusal, Unreachable
from .events import EventStream
from .transport import Transport
from .uploads import Progress, upload_file

# Entries of one page at most.
PAGE_MAX = 1_000
# Files on their way at once: small ones wait for answers, not for the line.
UPLOADS_MAX = 4
# States of a job in which nothing more happens by itself.
TERMINAL = ("completed", "failed", "refused", "cancelled")


class Client:
    """A user's connection to a manager; any thread may use it.

    `address`: like `http://127.0.0.1:4470`. `token`: needed unless the manager is on this machine.
    `patience_s`: how long a request is tried again while the manager is away.
    `cancel`: a `threading.Event` that ends whatever goes on with `Cancelled`.
    `on_wait(text)`: told what is waited for while the manager is away, and None when it is back.
    """

    def __init__(self, address, token=None, patience_s=60.0, cancel=None, on_wait=None):
        self._transport = Transport(address, token, patience_s, cancel, on_wait)

    @property
    def address(self):
        """The manager's address."""
        return self._transport.address

    def absolute(self, path):
        """An URL for a path that the manager named, e.g. that of an output."""
        return self.address + path

    def close(self):
        """Closes the connections that are kept."""
        self._transport.close()

    # Who is there

    def health(self):
        """`{status, version}` of the manager."""
        return self._transport.call("GET", "/healthz")

    def account(self):
        """Who asks: user, scopes, and what is known of the user's jobs and nodes."""
        return self._transport.call("GET", "/account")

    def network(self):
        """Nodes, jobs, frames and verification of the whole network, in figures."""
        return self._transport.call("GET", "/network")

    def nodes(self):
        """All nodes that ever joined."""
        return self._transport.call("GET", "/nodes")

    # Jobs

    def jobs(self, user=None, status=None, search=None, before=None, limit=None):
        """A page of jobs, the newest first: `{items, next, total}`."""
        query = {"user": user, "status": status, "search": search, "before": before, "limit": limit}
        return self._transport.call("GET", "/jobs", query)

    def job(self, job):
        """A job with everything that is known of it but its frames."""
        return self._transport.call("GET", f"/jobs/{job}")

    def frames(self, job, status=None):
        """All frames of a job, ascending."""
        frames, after = [], None
        while True:
            query = {"after": after, "limit": PAGE_MAX, "status": status}
            page = self._transport.call("GET", f"/jobs/{job}/frames", query)
            frames += page["items"]
            following = page.get("next")
            if following is None or (after is not None and following <= after):
                return frames
            after = following

    def frame(self, job, number):
        """A frame with all its receipts."""
        return self._transport.call("GET", f"/jobs/{job}/frames/{number}")

    def submit(self, request):
        """Submits a job whose files are uploaded; returns its summary.

        Safe to do again with the same `submission_id`, which is drawn if there is none.
        """
        request = dict(request)
        request.setdefault("submission_id", uuid.uuid4().hex)
        return self._transport.call("POST", "/jobs", json_body=request)

    def cancel(self, job):
        """Ends a job; its verified frames are kept."""
        return self._transport.call("POST", f"/jobs/{job}/cancel")

    def retry(self, job):
        """Has failed or cancelled frames of a job tried again."""
        return self._transport.call("POST", f"/jobs/{job}/retry", again=False)

    def priority(self, job, priority):
        """Sets a job's priority: higher goes first."""
        body = {"priority": priority}
        return self._transport.call("POST", f"/jobs/{job}/priority", json_body=body)

    def act(self, action, jobs, priority=None):
        """Cancels, retries or reprioritises many jobs: `{done, refused}`."""
        body = {"action": action, "jobs": list(jobs)}
        if priority is not None:
            body["priority"] = priority
        return self._transport.call("POST", "/jobs/actions", json_body=body, again=False)

    # Scenes

    def upload(self, path, progress=None):
        """Uploads one file; returns `(hash, bytes)`. `progress`: see `uploads.Progress`."""
        return upload_file(self._transport, path, progress)

    def upload_scene(self, files, tell=None):
        """Uploads files given as {path in the scene: path on disk}; returns the list that `submit` needs.

        `tell(progress)` is called as it goes on, from several threads; see `uploads.Progress`.
        """
        sizes = {disk: _size(disk) for disk in set(files.values())}
        progress = Progress(tell, sum(sizes.values()))
        progress.add()
        # Large ones first, so that none is left over for the end.
        order = sorted(sizes, key=sizes.get, reverse=True)
        known = {}
        pool = ThreadPoolExecutor(UPLOADS_MAX, "candela-upload")
        try:
            doing = {pool.submit(self.upload, disk, progress): disk for disk in order}
            for done in as_completed(doing):
                known[doing[done]] = done.result()
        finally:
            progress.stopped = True
            pool.shutdown(wait=True, cancel_futures=True)
            self._transport.close()
        return [
            {"path": name, "hash": known[disk][0], "bytes": known[disk][1]}
            for name, disk in sorted(files.items())
        ]

    def submit_files(self, main, files=None, tell=None, **request):
        """Uploads a scene and submits it; returns the job's summary.

        `main`: the .blend on disk. `files`: {path in the scene: path on disk}, the .blend among
        them; that one alone if there are none. The rest is as in a job's request: `name`,
        `frames`, `overrides`, `allow`, `priority`, `notify`.
        """
        main = os.path.abspath(main)
        files = files or {os.path.basename(main): main}
        names = [name for name, disk in files.items() if os.path.abspath(disk) == main]
        if not names:
            raise CandelaError(f"{main} is not one of the scene's files", "name it among them")
        request.setdefault("name", os.path.splitext(os.path.basename(main))[0])
        request["scene"] = {"main_file": names[0], "files": self.upload_scene(files, tell)}
        return self.submit(request)

    # Frames

    def events(self, job=None):
        """What changes from now on, of one job or of everything: an `EventStream`."""
        return EventStream(self._transport, job)

    def fetch_frame(self, job, frame, folder):
        """Downloads a verified frame, as `frames` lists it, into a folder; returns the file's path."""
        output = frame.get("output")
        if not output:
            message = f"frame {frame['number']} of job {job} is not verified yet"
            raise Refusal("frame_not_ready", message, "wait for it")
        to = os.path.join(folder, safe_name(output["file_name"]))
        what = f"frame {frame['number']} of job {job}"
        outputs.fetch(self._transport, output["url"], to, output["hash"], output["bytes"], what)
        return to

    def film(self, job, to):
        """Downloads a film of the frames verified so far to a file."""
        path = f"/jobs/{job}/film"
        return outputs.fetch(self._transport, path, to, what=f"the film of job {job}")

    def wait(self, job, folder=None, tell=None):
        """Waits until a job is over, and downloads its frames as they are verified.

        `tell(summary, path)` is called with the job's summary, and with the path of each frame that
        came. Returns the summary. What is in the folder already is not downloaded again.
        """
        if folder is not None:
            outputs.prepare_folder(folder)
        have = {}
        stream = self.events(job)
        try:
            for name, data in stream:
                frames, summary = [], None
                if name == "reset":
                    summary, frames = self.job(job), self.frames(job) if folder else []
                elif name == "job":
                    summary = data
                elif name == "frame":
                    frames = [data["frame"]]
                for frame in frames:
                    output = frame.get("output")
                    if folder is None or not output or have.get(frame["number"]) == output["hash"]:
                        continue
                    path = self._fetch_unless_there(job, frame, folder)
                    have[frame["number"]] = output["hash"]
                    if tell:
                        tell(None, path)
                if summary is not None:
                    if tell:
                        tell(summary, None)
                    if summary["status"] in TERMINAL:
                        return self._rest(job, folder, have, tell)
        finally:
            stream.close()
        raise Unreachable(f"the events of job {job} ended", "ask again")

    def _fetch_unless_there(self, job, frame, folder):
        path = os.path.join(folder, safe_name(frame["output"]["file_name"]))
        # Without the hash only an equal length says that it is the same: then it is fetched again.
        if outputs.can_check_hashes() and outputs.is_there(path, frame["output"]):
            return path
        return self.fetch_frame(job, frame, folder)

    def _rest(self, job, folder, have, tell):
        """The frames that were verified in the moment in which the job ended."""
        for frame in self.frames(job, "accepted") if folder else []:
            if have.get(frame["number"]) != frame["output"]["hash"]:
                path = self._fetch_unless_there(job, frame, folder)
                if tell:
                    tell(None, path)
        return self.job(job)

    # Bad result claims

    def claim(self, job, number, comment="", user=None):
        """Says that a verified frame is not what the scene defines; returns the claim."""
        body = {"comment": comment}
        if user:
            body["user"] = user
        return self._transport.call(
            "POST", f"/jobs/{job}/frames/{number}/claims", json_body=body, again=False
        )

    def claims(self, job=None, before=None, limit=None):
        """A page of claims, the newest first, of one job or of all."""
        path = "/claims" if job is None else f"/jobs/{job}/claims"
        return self._transport.call("GET", path, {"before": before, "limit": limit})

    def claim_detail(self, claim):
        """A claim with the verdicts on its parts."""
        return self._transport.call("GET", f"/claims/{claim}")

    # Tokens

    def tokens(self):
        """All tokens, without their secret."""
        return self._transport.call("GET", "/tokens")

    def make_token(self, name, scopes, user=None, expires_s=None):
        """Makes a token: `{token, info}`; the secret is told this once."""
        body = {"name": name, "scopes": list(scopes)}
        if user is not None:
            body["user"] = user
        if expires_s is not None:
            body["expires_s"] = expires_s
        return self._transport.call("POST", "/tokens", json_body=body, again=False)

    def revoke_token(self, token_id):
        """Takes a token back."""
        self._transport.call("DELETE", f"/tokens/{token_id}")


def _size(path):
    try:
        return os.path.getsize(path)
    except OSError as error:
        raise unreadable(path, error) from error


def safe_name(name):
    """A file name that the manager said, kept from leaving its folder."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in name)
    return name.lstrip(".")[:120] or "frame"
