"""Requests that this server makes to addresses that other people chose: webhooks, imports.

Whoever may name an address could name one of the operator's own network, which this server reaches and they do not. So
a host is resolved once, every address that it has is looked at, and the connection goes to the very address that was
looked at: a name that says something else the next time gains nothing. TLS still checks the name. Redirects are not
followed.
"""

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url

from statflow_engine import StatFlowError
from statflow_http.errors import RequestError

CONNECT_S = 5.0
READ_S = 30.0
CHUNK_SIZE = 64 * 1024
TOO_LONG = "the answer takes too long"
# It does not say which address that is: what a name means in the operator's network is nobody else's business.
NOT_ALLOWED = "address is not allowed: it is private; `--allow-private` of `statflow serve` or `import` allows it"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Addresses of IPv6 that a translator turns into IPv4 ones: RFC 6052, RFC 8215.
TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class AddressError(RequestError):
    """An address that this server does not talk to."""


class OutboundError(StatFlowError):
    """The other side does not answer, or not as it should; trying again later may help."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Which addresses may be talked to.

    Attributes:
        allow_private: all of them.
        networks: besides those of the public internet.
    """

    allow_private: bool = False
    networks: tuple[Network, ...] = ()

    def allows(self, address: Address) -> bool:
        """Whether a connection may go there: to the public internet, unless the operator allows more."""
        if self.allow_private or any(address in network for network in self.networks):
            return True
        hidden = embedded(address)
        if hidden is not None:
            return self.allows(hidden)
        return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)

    def addresses(self, host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
        """(family, socket address) of everything that a host resolves to.

        Raises:
            AddressError: one of them is not allowed.
            OutboundError: it does not resolve.
        """
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise OutboundError(f"{host} has no address: {error}") from error
        for _, _, _, _, place in found:
            if not self.allows(ipaddress.ip_address(str(place[0]).partition("%")[0])):
                raise AddressError(NOT_ALLOWED)
        return [(family, place) for family, _, _, _, place in found]

    def connect(self, host: str, port: int, timeout_s: float, ends: float) -> socket.socket:
        """A connection to a host, at an address that was looked at.

        Args:
            host, port: where to.
            timeout_s: for each of the host's addresses.
            ends: on the monotonic clock; for all of them.

        Raises:
            AddressError, OutboundError: as `addresses`; or nobody listens there.
        """
        failure: OSError | None = None
        for family, place in self.addresses(host, port):
            left_s = ends - time.monotonic()
            if left_s <= 0:
                raise OutboundError(TOO_LONG)
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.settimeout(min(timeout_s, left_s))
            try:
                connection.connect(place)
            except OSError as error:
                connection.close()
                failure = error
            else:
                connection.settimeout(timeout_s)
                return connection
        raise OutboundError(f"{host} does not answer: {failure}") from failure


def embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, 6to4, Teredo or NAT64; None where it is none of these."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if any(address in network for network in TRANSLATED):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL, in parts."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, for people."""
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{self.host}{'' if self.port == usual else f':{self.port}'}"


def target(url: str) -> Target:
    """A URL that may be asked for, its host not looked at yet.

    Raises:
        RequestError: it is not of http or https, has no host, or holds a name and a password.
    """
    try:
        parsed = parse_url(url.strip())
    except urllib3.exceptions.LocationParseError:
        raise RequestError("the URL cannot be understood") from None
    if parsed.scheme not in ("http", "https"):
        raise RequestError("the URL must begin with http:// or https://")
    if not parsed.host:
        raise RequestError("the URL has no host")
    if parsed.auth:
        raise RequestError("the URL must not hold a name and a password")
    port = parsed.port if parsed.port is not None else {"http": 80, "https": 443}[parsed.scheme]
    return Target(parsed.scheme, parsed.host, port, parsed.request_uri)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        headers: names in small letters.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class TimeLimit:
    """The time that one request has, from its connection to the end of its answer, whatever comes on it.

    A limit of each silence is not enough: who sends a byte every few seconds would hold a thread for hours. So the
    connection is shut from outside when the time is over, which ends whatever waits for it. Only the look-up of a
    name cannot be ended so; the system's resolver limits it.

    Args:
        total_s: from now on; `end` is to be called when the request is over.

    Attributes:
        ends: on the monotonic clock.
        is_over: the connection was shut.
    """

    def __init__(self, total_s: float) -> None:
        self.ends = time.monotonic() + total_s
        self.is_over = False
        self._lock = threading.Lock()
        self._twin: socket.socket | None = None
        self._timer = threading.Timer(total_s, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connection: socket.socket) -> None:
        """The connection that the request uses from now on."""
        # A second handle of it: TLS takes the first one for its own, and http.client closes it early.
        twin = socket.socket(fileno=os.dup(connection.fileno()))
        self._hold(twin)
        if self.is_over:
            self._shut()

    def end(self) -> None:
        """The request is over."""
        self._timer.cancel()
        self._hold(None)

    def _hold(self, twin: socket.socket | None) -> None:
        with self._lock:
            held, self._twin = self._twin, twin
        if held is not None:
            held.close()

    def _shut(self) -> None:
        with self._lock:
            self.is_over = True
            if self._twin is not None:
                with suppress(OSError):  # the other side was quicker
                    self._twin.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Streamed:
    """An answer whose body comes piece by piece."""

    status: int
    headers: Mapping[str, str]
    _response: urllib3.BaseHTTPResponse
    _bytes_max: int
    _limit: TimeLimit
    read: int = field(default=0)

    def chunks(self) -> Iterator[bytes]:
        """The body.

        Raises:
            OutboundError: it is longer, or takes longer, than was agreed, or breaks off.
        """
        try:
            for chunk in self._response.stream(CHUNK_SIZE):
                self.read += len(chunk)
                if self.read > self._bytes_max:
                    raise OutboundError(f"the answer is longer than {self._bytes_max} bytes")
                if self._limit.is_over:
                    raise OutboundError(TOO_LONG)
                yield chunk
        except urllib3.exceptions.HTTPError as error:
            text = TOO_LONG if self._limit.is_over else f"the answer breaks off: {type(error).__name__}"
            raise OutboundError(text) from error
        # The end of an answer that nobody told the length of looks like one that was shut.
        if self._limit.is_over:
            raise OutboundError(TOO_LONG)


class _Lane:
    """Kept connections that one request at a time uses.

    Attributes:
        pool: of connections that go where the guard allows.
        limit: of the request that uses them now.
    """

    def __init__(self, guard: Guard) -> None:
        self.pool = urllib3.PoolManager(retries=False, num_pools=4, maxsize=1)
        self.pool.pool_classes_by_scheme = _pool_classes(guard, self)
        self.limit: TimeLimit | None = None

    def connected(self, guard: Guard, connection: HTTPConnection) -> socket.socket:
        """A new connection for the request."""
        assert self.limit is not None
        timeout_s = connection.timeout if isinstance(connection.timeout, int | float) else CONNECT_S
        made = guard.connect(connection.host, connection.port, timeout_s, self.limit.ends)
        self.limit.watch(made)
        return made

    def use(self, connection: HTTPConnection) -> None:
        """The request goes over this one, which may be kept from another."""
        assert self.limit is not None
        if connection.sock is not None:
            self.limit.watch(connection.sock)


class Outbound:
    """A client whose connections a guard looks at; several threads may use it.

    Args:
        guard: which addresses are allowed.
        connect_s, read_s: time limits, of a connection and of a silence.
    """

    def __init__(self, guard: Guard, *, connect_s: float = CONNECT_S, read_s: float = READ_S) -> None:
        self._guard = guard
        self._timeout = urllib3.Timeout(connect=connect_s, read=read_s)
        # Those that no request uses now.
        self._lanes: list[_Lane] = []

    def close(self) -> None:
        """Let go of the connections that are kept."""
        while self._lanes:
            self._lanes.pop().pool.clear()

    @contextmanager
    def _lane(self, total_s: float) -> Iterator[_Lane]:
        """A lane for one request, which has so long."""
        try:
            lane = self._lanes.pop()
        except IndexError:
            lane = _Lane(self._guard)
        lane.limit = TimeLimit(total_s)
        try:
            yield lane
        finally:
            lane.limit.end()
            self._lanes.append(lane)

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        bytes_max: int,
        total_s: float,
    ) -> Iterator[Streamed]:
        """Ask, and read the answer piece by piece.

        Args:
            method, url, headers, body: of the request.
            bytes_max: of the answer's body.
            total_s: for all of it, to the end of the block.

        Raises:
            RequestError: the URL is none, or its address is not allowed.
            OutboundError: there is no answer.
        """
        target(url)
        with self._lane(total_s) as lane:
            response = self._response(lane, method, url, headers, body)
            lower = {name.lower(): value for name, value in response.headers.items()}
            assert lane.limit is not None
            try:
                yield Streamed(response.status, lower, response, bytes_max, lane.limit)
            finally:
                # What was not read is not wanted, and would be taken for the next answer.
                response.close()

    def _response(
        self, lane: _Lane, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        """The answer's head, its body still to come."""
        try:
            return lane.pool.request(
                method,
                url,
                headers=dict(headers or {}),
                body=body,
                timeout=self._timeout,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            if lane.limit is not None and lane.limit.is_over:
                raise OutboundError(TOO_LONG) from error
            raise OutboundError(f"{target(url).origin} does not answer: {type(error).__name__}") from error

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        bytes_max: int,
        total_s: float,
    ) -> Reply:
        """The same with the whole answer."""
        with self.stream(method, url, headers=headers, body=body, bytes_max=bytes_max, total_s=total_s) as streamed:
            return Reply(streamed.status, streamed.headers, b"".join(streamed.chunks()))


def _pool_classes(guard: Guard, lane: _Lane) -> dict[str, Any]:
    """urllib3's pools by scheme, whose connections go where the guard allows and end with the time of their request."""

    class GuardedHTTP(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return lane.connected(guard, self)

        def request(self, *arguments: Any, **options: Any) -> None:
            lane.use(self)
            super().request(*arguments, **options)

    class GuardedHTTPS(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return lane.connected(guard, self)

        def request(self, *arguments: Any, **options: Any) -> None:
            lane.use(self)
            super().request(*arguments, **options)

    class HTTPPool(urllib3.HTTPConnectionPool):
        ConnectionCls = GuardedHTTP

    class HTTPSPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPS

    return {"http": HTTPPool, "https": HTTPSPool}
