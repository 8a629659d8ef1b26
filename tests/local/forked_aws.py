"""The AWS CLI beside this interpreter, imported once, and forked for each command.

To import it takes longer than most of its commands. What differs from the program `aws` is tested
by what starts that.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.streams import redirect

ROOT = Path(__file__).parents[2]


class ForkedAws:
    """Runs one command at a time; ends with `close`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.local.forked_aws"],
            cwd=ROOT,
            # What commands have beside the variables of each; importing the CLI adds some.
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, words: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of `aws WORDS` in `folder`, without any input.

        Its variables are PATH and those of `environment`.
        """
        assert self._process.stdin
        assert self._process.stdout
        with tempfile.TemporaryDirectory() as scratch:
            out, err = Path(scratch, "out"), Path(scratch, "err")
            command = [list(words), dict(environment), str(folder), str(out), str(err)]
            self._process.stdin.write(f"{json.dumps(command)}\n")
            self._process.stdin.flush()
            exit_code = self._process.stdout.readline()
            assert exit_code, "the AWS CLI cannot be imported"
            return int(exit_code), out.read_text("utf-8"), err.read_text("utf-8")

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def _serve() -> None:
    import awscli.clidriver  # type: ignore[import-untyped]
    import awscli.handlers  # type: ignore[import-untyped]  # noqa: F401

    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _command(*json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _command(
    words: list[str], environment: dict[str, str], folder: str, out: str, err: str
) -> None:
    exit_code = 1
    try:
        os.environ.update(environment)
        os.chdir(folder)
        redirect(out, err)
        sys.argv = ["aws", *words]
        import awscli.clidriver

        exit_code = awscli.clidriver.main()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)


if __name__ == "__main__":
    _serve()
