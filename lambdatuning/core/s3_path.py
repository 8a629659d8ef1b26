"""`s3://BUCKET/KEY` as the contract's `payloadS3` writes it."""

import re
from urllib.parse import unquote

from .errors import UsageError

_SCHEME = re.compile(r"[A-Za-z0-9.+-]+://")
_AUTHORITY = re.compile(r"[^/?#]*")
_NO_HOST = re.compile(r"[ \"%';<>\\^`{|}]")
_PATH = re.compile(r"[^?#]*")
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parse_s3_path(value: object) -> tuple[str, str]:
    """Bucket and key; UsageError for anything else.

    As in Power Tuning the path is a URL: escapes such as %20 are undone, and "?" and "#" end the
    key unless they are escaped.

    >>> parse_s3_path("s3://my-bucket/a%20b.json")
    ('my-bucket', 'a b.json')
    """
    if not isinstance(value, str) or "s3://" not in value:
        raise UsageError("Invalid S3 path, not a string in the format s3://BUCKET/KEY")
    bucket, path = _split(value.strip())
    key = _unescape(path)[1:]
    if not bucket or not key:
        raise UsageError(f'Invalid S3 path: "{value}" (bucket: {bucket}, key: {key})')
    return bucket, key


def _split(text: str) -> tuple[str, str]:
    """Host and path, as the URL parser of Node.js splits them."""
    scheme = _SCHEME.match(text)
    if not scheme:
        return "", text
    path = _PATH.match(text, scheme.end())
    rest = (path[0] if path else "").replace("\\", "/")
    authority = _AUTHORITY.match(rest)
    named = authority[0] if authority else ""
    # An address may name a user and a port; neither is part of the bucket.
    host = re.sub(r"[\t\n\r]", "", named.rpartition("@")[2])
    end = _NO_HOST.search(host)
    after = (host[end.start() :] if end else "") + rest[len(named) :]
    name = re.sub(r":[0-9]*$", "", host[: end.start()] if end else host)
    bucket, colon, more = (name, "", "") if name.startswith("[") else name.partition(":")
    path_text = f"/:{more}{after}" if colon else after
    return _ascii(bucket.lower()), path_text


def _ascii(host: str) -> str:
    """A name outside ASCII as the domain name system writes it."""
    if host.isascii():
        return host.removeprefix("[").removesuffix("]")
    try:
        return host.encode("idna").decode()
    except UnicodeError as exc:
        raise UsageError(f"Invalid S3 path: {host!r} is no bucket name") from exc


def _unescape(path: str) -> str:
    try:
        if not _MALFORMED_ESCAPE.search(path):
            return unquote(path, errors="strict")
    except UnicodeDecodeError:
        pass
    raise UsageError("URI malformed: an S3 path has a % that is not an escape; write it as %25")
