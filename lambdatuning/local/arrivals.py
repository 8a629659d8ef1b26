"""When bytes reached this host, however late they are read.

The server's threads take turns (Python's lock, cores that others use), so the moment of reading
says more of the server than of who wrote. Linux stamps what arrives, on loopback while the writer
is still in its call; elsewhere, the moment of reading has to do.
"""

import socket
import struct
import sys
import time

# socket(7); the number that it has on every processor that Python names Linux for.
_STAMPS = getattr(socket, "SO_TIMESTAMPNS", 35)
_STAMP = struct.Struct("@ll")
_STAMP_SPACE = socket.CMSG_SPACE(_STAMP.size)
_STAMPED = sys.platform == "linux"


def stamp(listener: socket.socket) -> None:
    """Have what arrives on the connections that `listener` accepts stamped.

    The kernel begins a moment later with it, if nobody else has asked yet.
    """
    if _STAMPED:
        listener.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)


def receive(connection: socket.socket, most_bytes: int) -> tuple[bytes, float]:
    """What is there to read and when the last of it arrived (`time.monotonic` seconds)."""
    if not _STAMPED:
        return connection.recv(most_bytes), time.monotonic()
    data, told, _, _ = connection.recvmsg(most_bytes, _STAMP_SPACE)
    return data, time.monotonic() - _age_s(told)


def _age_s(told: list[tuple[int, int, bytes]]) -> float:
    """Seconds since the stamp, which is of the wall clock; 0 without one."""
    for level, kind, value in told:
        if level == socket.SOL_SOCKET and kind == _STAMPS:
            seconds, nanoseconds = _STAMP.unpack(value)
            age_ns: int = time.time_ns() - seconds * 10**9 - nanoseconds
            return max(0, age_ns) / 1e9
    return 0.0
