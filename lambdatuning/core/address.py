"""Where files lie: a folder, or an address such as s3://bucket/prefix; nothing in between."""

import re

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
