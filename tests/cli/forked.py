"""Commands of lambdatuning in processes of their own, forked where everything is imported already.

Importing pandas, boto3 and matplotlib takes longer than most commands, so it happens once for all
tests of a process. What differs from `python -m lambdatuning` is tested by what starts that.
"""

import gc
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lambdatuning.core.slow_imports import skip_slow_imports
from tests.streams import redirect

skip_slow_imports()
HEAVY = (
    "tests.cli.forked",
    "boto3",
    "matplotlib.pyplot",
    "pandas",
    "papermill",
    "lambdatuning.api.compare",
    "lambdatuning.api.history",
    "lambdatuning.api.logs",
    "lambdatuning.api.stack",
    "lambdatuning.api.tuning",
    "lambdatuning.cli.app",
    "lambdatuning.cli.commands.reports",
    "lambdatuning.cli.commands.runs",
    "lambdatuning.cli.commands.schedules",
    "lambdatuning.cli.commands.stack",
    "lambdatuning.cli.commands.tuning",
    "lambdatuning.reporting.report",
    "lambdatuning.study",
)


def run_forked(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, limit_s: float
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `lambdatuning WORDS` in `folder`, without any input."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(HEAVY))
    with tempfile.TemporaryDirectory() as scratch:
        out, err = Path(scratch, "out"), Path(scratch, "err")
        given = (list(words), dict(environment), str(folder), str(out), str(err))
        process = context.Process(target=_command, args=given)
        process.start()
        process.join(limit_s)
        ended = process.exitcode
        process.kill()
        process.join()
        assert ended is not None, f"lambdatuning {' '.join(words)}: no end within {limit_s:g} s"
        return ended, out.read_text("utf-8"), err.read_text("utf-8")


def _command(
    words: list[str], environment: dict[str, str], folder: str, out: str, err: str
) -> None:
    gc.freeze()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    redirect(out, err)
    from lambdatuning.cli.app import main

    sys.exit(main(words))
