"""What our own programs do not import, as it takes long and nothing here needs it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import cast

FORMATS = ("isoduration", "rfc3986_validator", "rfc3987_syntax")
"""What checks durations and addresses for jsonschema, where it is installed."""


def skip_slow_imports(*more: str) -> None:
    """For programs, not for the library: it holds for the whole process, and for `more` as well.

    JupyterLab brings what checks some formats for jsonschema, which is imported with nbformat, and
    with the SAM translator. Where it is, jsonschema builds 38 grammars of international addresses
    in 1.6 s, and spends a third of the rest of its import on other addresses and on durations.
    Neither notebooks nor templates have such formats; without it jsonschema leaves them unchecked.
    """
    modules = cast(dict[str, ModuleType | None], sys.modules)
    for name in (*FORMATS, *more):
        modules.setdefault(name, None)


@contextmanager
def only_found(name: str) -> Iterator[None]:
    """Within it, `import NAME` says whether the module is installed, and loads nothing.

    For modules that ask this of what they import again where they use it.
    """
    stands_in = name not in sys.modules and find_spec(name) is not None
    if stands_in:
        sys.modules[name] = ModuleType(name)
    try:
        yield
    finally:
        if stands_in:
            del sys.modules[name]
