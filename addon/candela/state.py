# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on knows while Blender runs, and how threads hand it over.

Threads never touch `bpy` or `STATE`: they `post` functions, which a timer calls on the main thread.
"""

import queue
import threading
import time
import traceback

import bpy

from .candela_client import Cancelled, CandelaError

# The queue is emptied so often while something goes on, and so often otherwise.
BUSY_S, IDLE_S = 0.2, 1.0

_calls = queue.Queue()
_later = []
_running = set()
_running_lock = threading.Lock()


class Connection:
    """To a manager: `status` is OFF, TESTING, ON or FAILED; `text` is a sentence about it."""

    def __init__(self, status="OFF", text="", client=None):
        self.status = status
        self.text = text
        self.client = client
        self.account = None
        self.network = None
        self.engines = []

    @property
    def user(self):
        """Whose jobs are shown; None where the caller may call himself anything."""
        return (self.account or {}).get("user")

    def may_submit(self):
        """Whether the token allows it."""
        scopes = (self.account or {}).get("scopes")
        return scopes is None or bool({"submit", "operate"} & set(scopes))


class State:
    """One for the whole add-on."""

    def __init__(self):
        self.connection = Connection()
        self.findings = None
        self.estimate = None
        self.submission = None
        self.jobs = []
        self.jobs_read_at = 0.0
        self.jobs_error = ""
        self.drawn_at = 0.0
        self.error = self.note = None

    def disconnect(self):
        """Nothing is known of the manager any more."""
        self.connection = Connection()
        self.jobs, self.jobs_read_at, self.jobs_error = [], 0.0, ""
        redraw()

    def forget_scene(self):
        """Another file is open."""
        self.findings, self.estimate = None, None

    def job(self, number):
        """A job's summary, if it is listed."""
        return next((job for job in self.jobs if job["id"] == number), None)

    def learn_job(self, summary):
        """A job is like this now."""
        for i, job in enumerate(self.jobs):
            if job["id"] == summary["id"]:
                self.jobs[i] = summary
                break
        else:
            self.jobs.insert(0, summary)
            self.jobs.sort(key=lambda job: -job["id"])
        redraw()

    def say(self, text, level="ERROR"):
        """Shows a sentence in the panel, below the last error; `level` is ERROR or INFO. None: no more."""
        if not text:
            self.error = self.note = None
        elif level == "ERROR":
            self.error = text
        else:
            # What went well doesn't hide what went wrong.
            self.note = text
        redraw()


STATE = State()


def post(call, *args):
    """Has something called on the main thread. From any thread."""
    _calls.put((call, args))


def later(seconds, call, *args):
    """Has something called on the main thread after a while. On the main thread."""
    _later.append((time.monotonic() + seconds, call, args))
    wake()


def background(name, work, done):
    """Runs `work()` in a thread, then `done(result, error)` on the main thread.

    `error` is a `CandelaError`, or None. A mistake of the add-on becomes one too, and is printed.
    """

    def run():
        result, error = None, None
        try:
            result = work()
        except CandelaError as caught:
            error = caught
        except Exception as caught:  # pylint: disable=broad-except
            traceback.print_exc()
            error = CandelaError(f"the add-on failed ({caught})", "see Blender's console")
        post(done, result, error)
        with _running_lock:
            _running.discard(threading.current_thread())

    thread = threading.Thread(target=run, name=f"candela-{name}", daemon=True)
    with _running_lock:
        _running.add(thread)
    thread.start()
    wake()
    return thread


def is_busy():
    """Whether something goes on that `background` began, or its result waits."""
    with _running_lock:
        return bool(_running) or not _calls.empty()


def pump():
    """Does what threads have posted; returns when to be called next."""
    for entry in [entry for entry in _later if entry[0] <= time.monotonic()]:
        _later.remove(entry)
        _call(entry[1], entry[2])
    for _ in range(_calls.qsize()):
        try:
            call, args = _calls.get_nowait()
        except queue.Empty:
            break
        _call(call, args)
    return BUSY_S if is_busy() or _later else IDLE_S


def _call(call, args):
    try:
        call(*args)
    except Exception:  # pylint: disable=broad-except
        # A timer that raises is never called again.
        traceback.print_exc()


def start():
    """The timer runs from now on, whatever file is opened."""
    if not bpy.app.timers.is_registered(pump):
        bpy.app.timers.register(pump, first_interval=BUSY_S, persistent=True)


def wake():
    """The timer runs soon: something began."""
    if bpy.app.timers.is_registered(pump):
        bpy.app.timers.unregister(pump)
        start()


def stop():
    """The timer runs no more."""
    _later.clear()
    if bpy.app.timers.is_registered(pump):
        bpy.app.timers.unregister(pump)


def redraw():
    """Has the panel drawn anew."""
    manager = getattr(bpy.context, "window_manager", None)
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type in {"PROPERTIES", "PREFERENCES"}:
                area.tag_redraw()


def sentence(error):
    """An error for people."""
    return "Cancelled." if isinstance(error, Cancelled) else str(error)
