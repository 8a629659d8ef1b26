"""Parts that are installed on demand: which extra has a module, and how to install it."""

import json
from importlib.util import find_spec

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
    return UsageError(
        f'this needs {module}, of the extra "{extra}": pip install {_requirement(extra)}'
    )


def _requirement(extra: str) -> str:
    """How to ask pip for the extra of what is installed: a checkout, a file, or an index."""
    from importlib.metadata import PackageNotFoundError, distribution  # slow, and seldom needed

    try:
        text = distribution("lambdatuning").read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    source = json.loads(text) if text else {}
    url = str(source.get("url", ""))
    if source.get("dir_info", {}).get("editable"):
        return f"--editable '{url.removeprefix('file://')}[{extra}]'"
    return f"'lambdatuning[{extra}] @ {url}'" if url else f"'lambdatuning[{extra}]'"
