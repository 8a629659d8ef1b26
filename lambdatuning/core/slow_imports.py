"""What our own programs do not import, as it takes long and nothing here needs it."""

import sys
from types import ModuleType
from typing import cast


def skip_slow_imports() -> None:
    """For programs, not for the library: it holds for the whole process.

    JupyterLab brings `rfc3987_syntax`. Where it is, importing jsonschema (with nbformat, or with
    the SAM translator) builds 38 grammars in 1.6 s, for formats of international addresses that
    neither notebooks nor templates have. Without it jsonschema leaves these formats unchecked.
    """
    modules = cast(dict[str, ModuleType | None], sys.modules)
    modules.setdefault("rfc3987_syntax", None)
