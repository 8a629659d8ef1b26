"""Entry points of the deployed zip, whose root is the inside of the `lambdatuning` package.

`CodeUri: lambdatuning/` lets `sam deploy` zip the folder without a build step. The folder is then
no package by name, so it is made one here, once per execution environment.
"""

import gc
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

# Nothing that is imported is garbage; to look for some takes a tenth of the init phase.
gc.disable()


def _name_the_package() -> None:
    root = Path(__file__).parent.parent
    if "lambdatuning" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "lambdatuning", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{root} is not the lambdatuning package; deploy it whole")
    module = importlib.util.module_from_spec(spec)
    sys.modules["lambdatuning"] = module
    spec.loader.exec_module(module)


_name_the_package()


def control(event: dict[str, Any], context: Any) -> Any:
    """Handler of every step but measuring: routed by `step`."""
    return _module("control").handle(event, context)


def measure(event: dict[str, Any], context: Any) -> Any:
    """Handler of measuring: one batch of invocations, or the results of one size."""
    return _module("measure").handle(event, context)


def nightly(event: dict[str, Any], context: Any) -> Any:
    """Handler of a deployed schedule: prepares a night's run and tells what came of it."""
    return _module("nightly").handle(event, context)


def _module(handler: str) -> Any:
    return importlib.import_module(f"lambdatuning.functions.{_MODULES[handler]}")


def _get_ready() -> None:
    """Do in the init phase, which has a whole vCPU, what the first event would have to wait for."""
    handler = os.environ.get("_HANDLER", "").rpartition(".")[2]
    if handler in _MODULES:
        _module(handler).get_ready()


_MODULES = {"control": "tuner.control", "measure": "tuner.measuring", "nightly": "nightly.app"}
_get_ready()
# What is loaded by now stays.
gc.freeze()
gc.enable()
