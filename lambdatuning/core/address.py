"""Where files lie: a folder, or an address such as s3://bucket/prefix; nothing in between."""

import re
from urllib.parse import unquote

from .errors import UsageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/*)(.*)", re.DOTALL)
"""More than one letter: C:\\runs is a folder."""

_SCHEMES_ELSEWHERE = frozenset({
    *("abfs", "abfss", "abs", "adl", "az", "azure", "dbfs", "file", "ftp", "gcs", "gs", "hdfs"),
    *("http", "https", "minio", "s3", "s3a", "s3n", "sftp", "wasb", "wasbs"),
})  # fmt: skip


def is_s3(address: object) -> bool:
    """Whether it is `s3://...`."""
    return str(address).startswith("s3://")


def checked_address(address: object, *, others: bool = False) -> str:
    """A folder or `s3://BUCKET/PREFIX` as text; with `others`, also an address of another scheme.

    Raises `UsageError` for what looks like an address but would make a local folder of that name:
    `s3:/bucket` (which is also what `Path("s3://bucket")` is), `S3://bucket`, `gs://bucket`.

    >>> checked_address("s3://bucket/runs"), checked_address("runs:today")
    ('s3://bucket/runs', 'runs:today')
    """
    text = str(address)
    match = _SCHEME.fullmatch(text.strip())
    if match is None:
        return text
    scheme, slashes, rest = match.groups()
    if scheme == "s3" and slashes == "//" and rest and text == text.strip():
        return text
    if not slashes and scheme.lower() not in _SCHEMES_ELSEWHERE:
        return text
    if others and slashes == "//" and rest and scheme == scheme.lower() != "s3":
        return text
    raise UsageError(f"{text!r} is no address that is known here; {_advice(scheme, slashes, rest)}")


def _advice(scheme: str, slashes: str, rest: str) -> str:
    if scheme.lower() in ("s3", "s3a", "s3n"):
        bucket = rest.strip("/") or "BUCKET/PREFIX"
        return f"write s3://{bucket}"
    if scheme.lower() == "file":
        return f"name the folder alone: /{rest.lstrip('/')}"
    own = f" (a folder of this name is ./{scheme}:{rest})" if not slashes else ""
    return f"name a folder, or s3://BUCKET/PREFIX{own}"


# The path of one object, as Power Tuning reads it: a URL.


_BLANKS = "".join(map(chr, range(33))) + "\u00a0\ufeff"
"""What Node.js drops around a URL: no other space, but all control characters."""

_URL_SCHEME = re.compile(r"[A-Za-z0-9.+-]+:")
_HOST_BEHIND_SLASHES = frozenset({"file:", "ftp:", "gopher:", "http:", "https:", "ws:", "wss:"})
_AUTHORITY = re.compile(r"[^/?#]*")
_NO_HOST = re.compile(r"[ \"%';<>\\^`{|}]")
_FORBIDDEN = re.compile(r"[\t\n\r #%/:<>?@\[\\\]^|]")
_URL_PATH = re.compile(r"[^?#]*")
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
    bucket, path = _host_and_path(value.strip(_BLANKS))
    key = _unescape(path)[1:]
    if not bucket or not key:
        named = "null" if bucket is None else bucket
        raise UsageError(f'Invalid S3 path: "{value}" (bucket: {named}, key: {key})')
    return bucket, key


def _host_and_path(text: str) -> tuple[str | None, str]:
    """Host and path, as the URL parser of Node.js splits them; no host where the URL has none."""
    match = _URL_SCHEME.match(text)
    scheme = match[0].lower() if match else ""
    path = _URL_PATH.match(text, len(scheme))
    rest = (path[0] if path else "").replace("\\", "/")
    slashes = rest.startswith("//")
    if scheme in ("", "javascript:") or (scheme in _HOST_BEHIND_SLASHES and not slashes):
        return None, rest
    return _split(rest.removeprefix("//"))


def _split(rest: str) -> tuple[str, str]:
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
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        name = " "
    if _FORBIDDEN.search(name):
        raise UsageError(f"Invalid S3 path: {host!r} is no bucket name")
    return name


def _unescape(path: str) -> str:
    try:
        if not _MALFORMED_ESCAPE.search(path):
            return unquote(path, errors="strict")
    except UnicodeDecodeError:
        pass
    raise UsageError("URI malformed: an S3 path has a % that is not an escape; write it as %25")
