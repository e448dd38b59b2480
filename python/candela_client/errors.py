# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What can go wrong, as exceptions that read as sentences."""


class CandelaError(Exception):
    """Something went wrong; `message` says what, `hint` what to change (or None)."""

    def __init__(self, message, hint=None):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self):
        """One or two sentences for people."""
        message = self.message[:1].upper() + self.message[1:]
        return f"{message}: {self.hint}." if self.hint else f"{message}."


class Refusal(CandelaError):
    """The manager says no.

    `code` is stable and for programs; `items` names the things that it is about, if several;
    `status` is the status of the reply.
    """

    def __init__(self, code, message, hint=None, items=(), status=0):
        super().__init__(message, hint)
        self.code = code
        self.items = list(items)
        self.status = status


class Unreachable(CandelaError):
    """The manager does not answer, or the connection broke."""


class Cancelled(CandelaError):
    """The caller's cancel flag was set."""

    def __init__(self):
        super().__init__("cancelled")


class FileTrouble(CandelaError):
    """A file of one's own can't be read or written; `path` names it."""

    def __init__(self, path, message, hint=None):
        super().__init__(message, hint)
        self.path = path


class FileChanged(FileTrouble):
    """A file changed while it was sent: the scene has to be packed again."""

    def __init__(self, path):
        super().__init__(path, f"{path} changed while it was sent", "pack the scene again")


class Damaged(CandelaError):
    """What came is not what the manager said that it would send."""
