"""Our programs start without what takes long to import; the library leaves that to its user."""

import subprocess
import sys
from pathlib import Path

import pytest

RECORDED = Path(__file__).parents[2] / "data" / "recorded"
LOCAL = f"""
import lambdatuning as lt
lt.compare, lt.history, lt.Study(lt.load({str(RECORDED)!r}, "latest")).about
"""
COMMAND = "from lambdatuning.cli.app import main\nmain(['--version'])\n"
SERVER = """
import runpy, sys
sys.argv[1:] = ['--help']
try:
    runpy.run_module('lambdatuning.local', run_name='__main__')
except SystemExit:
    pass
"""
GRAMMARS = "import jsonschema, sys\nprint(sys.modules.get('rfc3987_syntax'))"


def last_line(source: str) -> str:
    """What a fresh interpreter prints last."""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("program", [COMMAND, SERVER], ids=["command line", "embedded AWS"])
def test_programs_skip_the_grammars_of_international_addresses(program: str) -> None:
    assert last_line(program + GRAMMARS) == "None"


def test_runs_of_this_machine_are_read_without_boto3() -> None:
    slow = {"awscrt", "boto3", "botocore.session", "s3transfer"}
    assert last_line(f"{LOCAL}\nimport sys\nprint(sorted({slow} & set(sys.modules)))") == "[]"


def test_the_library_leaves_them_to_its_user() -> None:
    source = "import lambdatuning, sys\nlambdatuning.Study\nprint('rfc3987_syntax' in sys.modules)"
    assert last_line(source) == "False"


def test_what_is_only_found_is_imported_when_it_is_used() -> None:
    source = """
import sys
from lambdatuning.core.slow_imports import only_found
with only_found("colorsys"), only_found("installed_nowhere"):
    import colorsys
    assert not hasattr(colorsys, "hls_to_rgb")
    try:
        import installed_nowhere
    except ImportError as exc:
        print(exc.name, end=" ")
import colorsys
print(colorsys.hls_to_rgb(0, 1, 0))
"""
    assert last_line(source) == "installed_nowhere (1, 1, 1)"


def test_without_them_schemas_are_still_checked() -> None:
    source = f"{COMMAND}\nimport jsonschema\nprint(jsonschema.Draft202012Validator(%s).is_valid(1))"
    assert last_line(source % {"type": "integer"}) == "True"
    assert last_line(source % {"type": "string"}) == "False"
