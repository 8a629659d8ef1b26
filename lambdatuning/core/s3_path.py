"""`s3://BUCKET/KEY` as the contract's `payloadS3` writes it."""

import re
from urllib.parse import unquote

from .errors import UsageError

_SCHEME = re.compile(r"[A-Za-z0-9.+-]+://")
_AUTHORITY = re.compile(r"[^/?#\\\s\"%';<>^`{|}]*")
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
    scheme = _SCHEME.match(text)
    if not scheme:
        return "", text
    authority = _AUTHORITY.match(text, scheme.end())
    host = authority[0] if authority else ""
    path = _PATH.match(text, scheme.end() + len(host))
    # An address may name a user and a port; neither is part of the bucket.
    bucket = re.sub(r":[0-9]*$", "", host.rpartition("@")[2]).lower()
    return bucket, (path[0] if path else "").replace("\\", "/")


def _unescape(path: str) -> str:
    try:
        if not _MALFORMED_ESCAPE.search(path):
            return unquote(path, errors="strict")
    except UnicodeDecodeError:
        pass
    raise UsageError("URI malformed: an S3 path has a % that is not an escape; write it as %25")
