"""Parts that are installed on demand: which extra has a module, and how to install it."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from shlex import quote
from typing import Any
from urllib.parse import unquote, urlsplit

from ..core.errors import UsageError

EXTRAS = {
    "parquet": ("pyarrow",),
    "report": (
        "papermill",
        "matplotlib",
        "jinja2",
        "mistune",
        "nh3",
        "ipykernel",
        "IPython",
        "jupyter_client",
        "nbclient",
        "nbformat",
    ),
    "local": ("ministack", "awslambdaric", "samtranslator", "psutil"),
    "logs": ("polars",),
    "mcp": ("mcp",),
    "lab": ("jupyterlab", "ipywidgets"),
}
"""The modules that an extra brings."""


def require(extra: str) -> None:
    """UsageError where a module of the extra is not installed, before anything is started."""
    for module in EXTRAS[extra]:
        if find_spec(module) is None:
            raise _missing(module, extra)


def missing_extra(error: ImportError) -> UsageError | None:
    """What to install for a module that is not there; None where it belongs to no extra."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return _missing(module, extra)
    return None


def _missing(module: str, extra: str) -> UsageError:
    return UsageError(f'this needs {module}, of the extra "{extra}": {install_command(extra)}')


def install_command(extra: str) -> str:
    """How to install an extra of what is installed: a checkout, a file, a commit, or an index."""
    from importlib.metadata import PackageNotFoundError, distribution  # slow, and seldom needed

    try:
        text = distribution("lambdatuning").read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    return f"pip install {requirement(extra, json.loads(text) if text else {})}"


def requirement(extra: str, source: Mapping[str, Any]) -> str:
    """What to ask pip for, as a shell takes it; `source` is the direct_url.json of PEP 610.

    >>> requirement("mcp", {"url": "file:///my%20src", "dir_info": {"editable": True}})
    "--editable '/my src[mcp]'"
    >>> requirement("mcp", {"url": "https://h/r", "vcs_info": {"vcs": "git", "commit_id": "ab"}})
    "'lambdatuning[mcp] @ git+https://h/r@ab'"
    """
    url = str(source.get("url", ""))
    if source.get("dir_info", {}).get("editable"):
        return f"--editable {quote(f'{unquote(urlsplit(url).path)}[{extra}]')}"
    version = source.get("vcs_info", {})
    if version:
        url = f"{version['vcs']}+{url}@{version['commit_id']}"
    if source.get("subdirectory"):
        url += f"#subdirectory={source['subdirectory']}"
    return quote(f"lambdatuning[{extra}] @ {url}" if url else f"lambdatuning[{extra}]")
