"""Every environment has a /tmp of its own, with its size limit."""

import os
from pathlib import Path

import pytest

from lambdatuning.local.runtime import mounts
from tests.local.conftest import Cloud

# Files alone: where the interpreter itself lies below /tmp, its folder stays visible there.
LIST = """
    import os, tempfile
    def handler(event, context):
        if event:
            open(os.path.join(tempfile.gettempdir(), event), "w").close()
        return sorted(entry.name for entry in os.scandir(tempfile.gettempdir()) if entry.is_file())
    """
FILL = """
    def handler(event, context):
        try:
            with open("/tmp/large", "wb", buffering=0) as file:
                for _ in range(event):
                    file.write(bytes(1 << 20))
        except OSError as error:
            return error.strerror
        return "written"
    """


@pytest.fixture
def mountable(tmp_path: Path) -> None:
    if mounts.find_tools(tmp_path) is None:
        pytest.skip("mounting needs root and loop devices")


def test_files_last_as_long_as_the_environment(cloud: Cloud) -> None:
    one, other = cloud.function(LIST), cloud.function(LIST)

    assert cloud.invoke(one, "a").payload == ["a"]
    assert cloud.invoke(one, "b").payload == ["a", "b"]
    assert cloud.invoke(other, "c").payload == ["c"]


@pytest.mark.usefixtures("mountable")
def test_the_literal_tmp_is_the_environments_own(cloud: Cloud) -> None:
    mark = Path("/tmp") / f"of-the-host-{os.getpid()}"
    mark.touch()
    try:
        answer = cloud.run(
            """
            import os
            def handler(event, context):
                return [entry.name for entry in os.scandir("/tmp") if entry.is_file()]
            """
        )
    finally:
        mark.unlink()

    assert answer.payload == []


@pytest.mark.usefixtures("mountable")
def test_it_is_as_large_as_the_ephemeral_storage_and_no_memory(cloud: Cloud) -> None:
    name = cloud.function(FILL, MemorySize=384)

    assert cloud.invoke(name, 400).payload == "written"
    assert cloud.invoke(name, 520).payload == "No space left on device"


@pytest.mark.usefixtures("mountable")
def test_functions_run_when_everything_lies_in_tmp(tmp_path: Path) -> None:
    from lambdatuning.local import endpoint

    with endpoint.start(state_dir=tmp_path) as running:
        assert Cloud(running).run("def handler(event, context):\n    return 1\n").payload == 1
