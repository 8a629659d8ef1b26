"""Which user of this machine is at the other end of a loopback connection, where the kernel says.

Linux tells the owner of a TCP socket by its addresses (sock_diag(7)); other systems do not.
"""

import atexit
import contextlib
import itertools
import os
import socket
import struct
import sys
import threading

Address = tuple[str, int]

_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST = 1
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_MESSAGE = struct.Struct("=IHHII")
# linux/inet_diag.h: struct inet_diag_msg is 4 bytes, the socket's id of 48, then five counters.
_COUNTERS = struct.Struct("=IIIII")
_COUNTERS_AT = _MESSAGE.size + 4 + 48


def user_of(client: Address, server: Address) -> int | None:
    """User id of who connected from `client` to `server`, both IPv4; None where it is unknown."""
    if sys.platform != "linux":
        return None
    # Connections from elsewhere, such as another network namespace, are not in this table.
    with contextlib.suppress(OSError, struct.error):
        kind, answer = _KERNEL.answer(_query(client, server))
        if kind == _BY_FAMILY:
            _, _, _, user, _ = _COUNTERS.unpack_from(answer, _COUNTERS_AT)
            return int(user)
    return None


def is_stranger(user: int | None) -> bool:
    """Whether `user` is known to be neither root nor who runs this process."""
    return user not in (None, 0, os.geteuid())


def _query(client: Address, server: Address) -> bytes:
    ports = struct.pack("!HH", client[1], server[1])
    addresses = struct.pack("!4s12x4s12x", *(socket.inet_aton(one[0]) for one in (client, server)))
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
    return request + ports + addresses + struct.pack("=I", 0) + _NO_COOKIE


class _Kernel:
    """The socket to ask by, kept open: to open one takes twice as long as to ask."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def answer(self, query: bytes) -> tuple[int, bytes]:
        """The kind of the answer, and the answer. Raises OSError."""
        with self._lock:
            try:
                return self._exchange(query)
            except BaseException:
                # What it would answer next, it might answer to this.
                self.close()
                raise

    def _exchange(self, query: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG)
        number = next(self._numbers) & 0xFFFFFFFF
        header = _MESSAGE.pack(_MESSAGE.size + len(query), _BY_FAMILY, _REQUEST, number, 0)
        self._socket.send(header + query)
        answer = self._socket.recv(4096)
        _, kind, _, answered, _ = _MESSAGE.unpack_from(answer)
        if answered != number:
            raise OSError("an answer to another question")
        return kind, answer

    def close(self) -> None:
        """Close the socket, if one is open; to ask opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_KERNEL = _Kernel()
atexit.register(_KERNEL.close)
