"""The little HTTP/1.1 that a Runtime API needs: parse one request, build one answer."""

from dataclasses import dataclass

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class HttpRequest:
    """One parsed request; header names are lower case."""

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    body: bytes


def parse(buffer: bytes | bytearray) -> tuple[HttpRequest, bytes] | None:
    """The first request in `buffer` and what follows it, or None while it is incomplete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = bytes(buffer[:end]).split(b"\r\n")
    method, path, _ = lines[0].split(b" ", 2)
    headers = _headers(lines[1:])
    found = _body(buffer, end + 4, headers)
    if found is None:
        return None
    body, rest = found
    return HttpRequest(method, path, headers, body), bytes(buffer[rest:])


def expects_continue(buffer: bytes | bytearray) -> bool:
    """Whether the client waits for `100 Continue` before it sends its body."""
    end = buffer.find(b"\r\n\r\n")
    return end > 0 and b"100-continue" in bytes(buffer[:end]).lower()


def answer(status: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole response, e.g. `answer("200 OK", {...}, b"{}")`."""
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _body(
    buffer: bytes | bytearray, start: int, headers: dict[bytes, bytes]
) -> tuple[bytes, int] | None:
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return _chunked(buffer, start)
    end = start + int(headers.get(b"content-length", b"0"))
    return (bytes(buffer[start:end]), end) if len(buffer) >= end else None


def _chunked(buffer: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    chunks: list[bytes] = []
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return None
        size = int(bytes(buffer[start:line_end]).split(b";")[0], 16)
        start = line_end + 2 + size + 2
        if len(buffer) < start:
            return None
        if size == 0:
            return b"".join(chunks), start
        chunks.append(bytes(buffer[line_end + 2 : start - 2]))
