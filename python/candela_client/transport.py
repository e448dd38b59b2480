# SPDX-License-Identifier: Apache-2.0 OR MIT
"""HTTP to one manager: connections that are kept, refusals, and asking again when it comes back."""

import contextlib
import http.client
import json
import random
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request

from .errors import Cancelled, CandelaError, Refusal, Unreachable

PREFIX = "/api/v1"
# Several retransmissions over a slow link.
CONNECT_S = 10
# Submitting a large scene waits until it is durable.
CALL_S = 120
# After the last byte the manager may have to copy tens of gigabytes.
UPLOAD_S = 600
# Event streams say something every 15 seconds.
SILENCE_S = 60
# First and longest pause between two tries.
PAUSE_S = (0.25, 5.0)
# A page of a thousand frames is about 1 MB.
REPLY_BYTES_MAX = 64 << 20
# What passes by itself: another manager takes over, or there is a rush.
PASSING = {"unavailable", "no_leader", "busy"}
# How a kept connection ends that the other side has closed.
_CLOSED = (http.client.RemoteDisconnected, http.client.CannotSendRequest, ConnectionError)


def base_of(address):
    """An address as people write it, as (scheme, host, port); raises what is wrong with it."""
    text = address.strip()
    if not text:
        raise CandelaError("there is no manager's address", "write one like http://127.0.0.1:4470")
    if "://" not in text:
        text = "http://" + text
    hint = "write one like http://127.0.0.1:4470"
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, None
    if parts is None or parts.scheme not in ("http", "https") or not host:
        raise CandelaError(f'"{address.strip()[:200]}" is no manager\'s address', hint)
    if parts.username or parts.password:
        raise CandelaError("the address holds a name or a password", "give the token by itself")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def is_loopback(host):
    """Whether a host is this machine, as only it can be named."""
    if host.lower() == "localhost" or host == "::1":
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(p.isdigit() for p in parts)


class Transport:
    """Requests to one manager. Each thread has a connection of its own.

    `patience_s`: how long a request is tried again while the manager is away.
    `cancel`: an event; once it is set, whatever goes on ends with `Cancelled`.
    `on_wait(text)`: called with what is waited for, and with None when it goes on.
    """

    def __init__(self, address, token=None, patience_s=60.0, cancel=None, on_wait=None):
        self.scheme, self.host, self.port = base_of(address)
        self.token = (token or "").strip() or None
        if self.token and not (self.token.isascii() and self.token.isprintable()):
            raise CandelaError(
                "the token holds characters that no token has", "copy it again, without spaces"
            )
        self.patience_s = patience_s
        self.cancel = cancel
        self.on_wait = on_wait
        self._local = threading.local()
        self._idle = set()

    @property
    def address(self):
        """The manager's address, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == usual else f":{self.port}")

    def check(self):
        """Raises `Cancelled` if that is wanted."""
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled()

    def _proxy(self):
        if is_loopback(self.host) or urllib.request.proxy_bypass(self.host):
            return None
        proxy = urllib.request.getproxies().get(self.scheme)
        parts = urllib.parse.urlsplit(proxy) if proxy else None
        return (parts.hostname, parts.port or 8080) if parts and parts.hostname else None

    def connect(self, timeout_s):
        """A new connection, and what to put in front of paths (for a proxy)."""
        proxy = self._proxy()
        host, port = proxy or (self.host, self.port)
        if self.scheme == "https":
            made = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_S, context=ssl.create_default_context()
            )
            if proxy:
                made.set_tunnel(self.host, self.port)
            front = ""
        else:
            made = http.client.HTTPConnection(host, port, timeout=CONNECT_S)
            front = self.address if proxy else ""
        made.connect()
        made.sock.settimeout(timeout_s)
        # A request's head and body are two writes: without this the second waits for an answer.
        with contextlib.suppress(OSError):
            made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made, front

    def close(self):
        """Closes the connections that are kept; those of threads that are at work end their requests."""
        for made in list(self._idle):
            self._idle.discard(made)
            made.close()
        self._local.kept = None

    def _headers(self, extra):
        headers = {"User-Agent": "candela-python/0.1", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        headers.update(extra or {})
        return headers

    def path_of(self, path, query):
        """A path of the interface, or one that the manager named itself, with its query."""
        # Who watches the process asks for its health, whatever the interface's version is.
        whole = path if path == "/healthz" or path.startswith(PREFIX) else PREFIX + path
        pairs = {key: value for key, value in (query or {}).items() if value is not None}
        if not pairs:
            return whole
        return whole + ("&" if "?" in whole else "?") + urllib.parse.urlencode(pairs)

    def open(self, method, path, query=None, body=None, headers=None, timeout_s=CALL_S, keep=True):
        """Sends one request and returns (connection, response) as soon as its head is there.

        Raises `Refusal` for one that is refused. What was not sent for sure has the attribute
        `unsent` on its `Unreachable`.
        """
        kept = getattr(self._local, "kept", None) if keep else None
        self._local.kept = None if keep else getattr(self._local, "kept", None)
        if kept:
            self._idle.discard(kept[0])
            # Another thread may have closed what is kept.
            kept = kept if kept[0].sock is not None else None
        for reused in [True, False] if kept else [False]:
            sent = False
            try:
                made, front = kept if reused else self.connect(timeout_s)
                made.sock.settimeout(timeout_s)
                sent = True
                made.request(
                    method, front + self.path_of(path, query), body, self._headers(headers)
                )
                response = made.getresponse()
                break
            except (OSError, http.client.HTTPException) as error:
                if sent:
                    made.close()
                if kept and reused and isinstance(error, _CLOSED):
                    # It was closed from the other side while nothing was asked.
                    continue
                raise self.unreachable(error, unsent=not sent) from error
        if response.status >= 400:
            refusal = self._refusal(response)
            made.close()
            raise refusal
        if 300 <= response.status < 400 and response.status != 304:
            made.close()
            raise CandelaError(
                f"{self.address} sends elsewhere, so it is no manager", "check the address"
            )
        return made, front, response

    def keep(self, made, front):
        """Keeps a connection whose reply was read to its end."""
        if made.sock is not None:
            self._local.kept = (made, front)
            self._idle.add(made)

    def unreachable(self, error, unsent=False):
        """What happened to a connection, as a sentence."""
        if isinstance(error, ssl.SSLCertVerificationError):
            made = CandelaError(
                f"the certificate of {self.address} is not valid ({error.verify_message})",
                "ask the manager's owner",
            )
        elif isinstance(error, ssl.SSLError):
            made = CandelaError(
                f"{self.address} doesn't speak TLS", "write http:// instead of https://"
            )
        elif isinstance(error, socket.gaierror):
            made = Unreachable(
                f"no machine is called {self.host}", "check the address, and the network"
            )
        elif isinstance(error, ConnectionRefusedError):
            made = Unreachable(
                f"no manager answers at {self.address}", "check the address, or start the manager"
            )
        elif isinstance(error, http.client.BadStatusLine) and unsent is False:
            made = Unreachable(f"{self.address} broke the connection off", "try again in a moment")
        else:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            made = Unreachable(
                f"{self.address} can't be reached ({why})", "check the network, or try again"
            )
        made.unsent = unsent
        return made

    def _refusal(self, response):
        try:
            told = json.loads(response.read(REPLY_BYTES_MAX))
            made = Refusal(
                str(told["code"]),
                str(told["message"]),
                told.get("hint"),
                told.get("items") or (),
                response.status,
            )
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OSError,
            http.client.HTTPException,
        ):
            code = "unavailable" if response.status in (502, 503, 504) else "not_understood"
            made = Refusal(
                code,
                f"{self.address} answers with status {response.status}, and not as a manager does",
                "check the address",
                status=response.status,
            )
        after = response.getheader("Retry-After", "")
        made.after_s = float(after) if after.isdigit() else None
        return made

    def patiently(self, what, again=True, patience_s=None):
        """Does `what()` again while the manager is away; returns what it returns.

        `again`: whether that is right although the manager may have done it already.
        """
        patience = self.patience_s if patience_s is None else patience_s
        end, pause, waited = time.monotonic() + patience, PAUSE_S[0], False
        try:
            while True:
                self.check()
                try:
                    return what()
                except (Unreachable, Refusal) as error:
                    passing = isinstance(error, Unreachable) or error.code in PASSING
                    safe = again or getattr(error, "unsent", False) or isinstance(error, Refusal)
                    if not passing or not safe or time.monotonic() + pause > end:
                        raise
                    if self.on_wait:
                        waited = True
                        self.on_wait(error.message)
                    self.rest(getattr(error, "after_s", None) or pause)
                    # Many that wait for one manager don't come back at once.
                    pause = min(pause * 2, PAUSE_S[1]) * random.uniform(0.8, 1.0)
        finally:
            if waited:
                self.on_wait(None)

    def rest(self, seconds):
        """Waits, unless cancelled."""
        if self.cancel is None:
            time.sleep(seconds)
        else:
            self.cancel.wait(seconds)
            self.check()

    def call(
        self,
        method,
        path,
        query=None,
        json_body=None,
        body=None,
        headers=None,
        timeout_s=CALL_S,
        again=True,
        patience_s=None,
    ):
        """A request whose reply is JSON, or nothing (None)."""
        headers = dict(headers or {})
        if json_body is not None:
            body = json.dumps(json_body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        elif body is None and method in ("POST", "PUT"):
            body = b""

        def once():
            made, front, response = self.open(method, path, query, body, headers, timeout_s)
            try:
                text = response.read(REPLY_BYTES_MAX + 1)
            except (OSError, http.client.HTTPException) as error:
                made.close()
                raise self.unreachable(error) from error
            if len(text) > REPLY_BYTES_MAX:
                made.close()
                raise CandelaError(f"{self.address} sends too much", "check the address")
            self.keep(made, front)
            if not text:
                return None
            try:
                return json.loads(text)
            except ValueError as error:
                raise CandelaError(
                    f"{self.address} answers, but not as a manager does", "check the address"
                ) from error

        return self.patiently(once, again, patience_s)
