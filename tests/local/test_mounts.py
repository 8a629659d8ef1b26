"""What a function sees of the host: its places as on AWS, and nothing to write but its /tmp."""

import errno
import os
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

import pytest

from tests.local.conftest import Cloud, package

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
def mountable(cloud: Cloud) -> None:
    facts = cloud.endpoint.facts()
    if facts["isolation"] != "namespace and user":
        pytest.skip(f"isolation is {facts['isolation']}: {facts['isolation_why']}")


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


WRITES = """
    import os
    def handler(event, context):
        seen = {}
        for place in event:
            try:
                with open(os.path.join(place, "written"), "w"):
                    seen[place] = "written"
            except OSError as error:
                seen[place] = error.errno
        return seen
    """
READ_ONLY = 30


@pytest.mark.usefixtures("mountable")
def test_nothing_is_writable_but_tmp(cloud: Cloud) -> None:
    """Errno 30, "Read-only file system", is what AWS answers for /var/task and /opt."""
    places = ["/var/task", "/opt", "/var/runtime", "/", "/etc", "/usr", "/home", "/root", "/var"]
    places += ["/var/tmp", "/dev/shm"]
    here = Path(__file__).parent
    hidden = here.is_relative_to("/tmp")  # behind the function's own /tmp

    outcomes = cloud.run(WRITES, [*places, str(here), "/tmp"]).payload

    refused = dict.fromkeys(places, READ_ONLY)
    assert outcomes == refused | {
        str(here): errno.ENOENT if hidden else READ_ONLY,
        "/tmp": "written",
    }


@pytest.mark.usefixtures("mountable")
def test_functions_are_a_user_of_their_own(cloud: Cloud) -> None:
    """As `id` says in a handler on AWS; it has no rights left, and cannot end the server."""
    source = """
        import os
        def handler(event, context):
            rights = [line for line in open("/proc/self/status") if line.startswith("CapEff")]
            try:
                os.kill(event, 15)
            except PermissionError as error:
                return [os.getuid(), os.getgid(), os.getgroups(), rights, error.strerror]
        """
    answer = cloud.run(source, cloud.endpoint.process.pid).payload

    assert answer == [993, 990, [], ["CapEff:\t0000000000000000\n"], "Operation not permitted"]


@pytest.mark.usefixtures("mountable")
def test_its_user_has_the_name_and_the_home_of_aws(cloud: Cloud) -> None:
    """Libraries ask for them to find their caches; the home is not there, nor can it be made."""
    answer = cloud.run(
        """
        import getpass, os, pathlib, pwd
        def handler(event, context):
            home = pathlib.Path.home()
            try:
                home.mkdir()
            except OSError as error:
                return [getpass.getuser(), str(home), home.exists(), error.errno]
        """
    )

    assert answer.payload == ["sbx_user1051", "/home/sbx_user1051", False, errno.EROFS]


@pytest.mark.usefixtures("mountable")
def test_a_function_cannot_change_its_own_limits(cloud: Cloud) -> None:
    source = """
        import glob, os
        def handler(event, context):
            files = glob.glob("/sys/fs/cgroup/**/cpu.cfs_quota_us", recursive=True)
            files += glob.glob("/sys/fs/cgroup/**/cpu.max", recursive=True)
            return [file for file in files if os.access(file, os.W_OK)]
        """
    assert cloud.run(source).payload == []


def test_functions_of_one_package_share_no_file(cloud: Cloud) -> None:
    source = """
        import os
        def handler(event, context):
            try:
                open("cache.json", "w").close()
            except OSError:
                pass
            return os.path.exists("cache.json")
        """
    zipped = {"ZipFile": package({"app.py": textwrap.dedent(source)})}
    one, other = (cloud.function("", Code=zipped) for _ in range(2))

    assert cloud.invoke(one).payload is cloud.invoke(other).payload is False


def _layer(cloud: Cloud, name: str, files: dict[str, str]) -> str:
    client = cloud.client("lambda")
    answer = client.publish_layer_version(LayerName=name, Content={"ZipFile": package(files)})
    return str(answer["LayerVersionArn"])


def test_later_layers_come_before_earlier_ones(cloud: Cloud) -> None:
    """ "Layers are merged in the order in which they are listed": Lambda Developer Guide."""
    first = _layer(cloud, "first", {"python/both.py": "WHO = 1", "python/only_first.py": "WHO = 1"})
    second = _layer(cloud, "second", {"python/both.py": "WHO = 2"})
    source = """
        import both, only_first
        def handler(event, context):
            return [both.WHO, only_first.WHO]
        """
    assert cloud.run(source, Layers=[first, second]).payload == [2, 1]
    assert cloud.run(source, Layers=[second, first]).payload == [1, 1]


@pytest.mark.usefixtures("mountable")
def test_absolute_paths_work(cloud: Cloud) -> None:
    layer = _layer(cloud, "tools", {"data/table.txt": "from /opt", "bin/tool": "#!/bin/sh\necho t"})
    source = """
        import os, shutil, sys
        sys.path.insert(0, "/var/task/vendor")
        import helper
        def handler(event, context):
            return [open("/opt/data/table.txt").read(), open("/var/task/own.txt").read(), helper.W,
                    shutil.which("tool"), os.getcwd(), os.environ["LAMBDA_TASK_ROOT"],
                    os.path.isdir("/var/runtime/boto3"), __file__]
        """
    files = {"app.py": textwrap.dedent(source), "own.txt": "own", "vendor/helper.py": "W = 'v'"}

    answer = cloud.run("", Code={"ZipFile": package(files)}, Layers=[layer])

    assert answer.payload == [
        *("from /opt", "own", "v", None, "/var/task", "/var/task", True, "/var/task/app.py"),
    ]


@pytest.mark.usefixtures("mountable")
def test_documented_paths(cloud: Cloud) -> None:
    """Of "Working with environment variables"; /var/lang is not there."""
    variables = cloud.run(
        "import os\ndef handler(event, context):\n    return dict(os.environ)\n"
    ).payload

    assert variables["PATH"] == "/usr/local/bin:/usr/bin:/bin:/opt/bin"
    assert variables["LD_LIBRARY_PATH"] == (
        "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    )
    assert variables["LAMBDA_TASK_ROOT"] == "/var/task"
    assert variables["LAMBDA_RUNTIME_DIR"] == "/var/runtime"


@pytest.mark.usefixtures("mountable")
def test_the_standard_output_can_be_opened(cloud: Cloud) -> None:
    source = "def handler(event, context):\n    open('/dev/stdout', 'w').write('opened\\n')\n"

    assert "\nopened\n" in cloud.run(source).log


ORDINARY = """
import json, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from lambdatuning.local.runtime import mounts
state = Path(sys.argv[2])
(state / "python").mkdir()
prepared = mounts.prepare(state, state / "python", [], {})
if prepared.view is None:
    sys.exit(prepared.why)
(state / "one/tmp").mkdir(parents=True)
(state / "one/tmp").chmod(0o1777)
spec = mounts._trial_spec(state / "python")
script = mounts.write_script(prepared.view, spec, state / "one", entry=[], exports=[])
tries = "id -u; pwd; for p in /var/task /var/tmp /home /tmp; do : > $p/x && echo $p; done; exit 0"
print(subprocess.run(["/bin/sh", script, "/bin/bash", "-c", tries], stdout=-1).stdout.decode())
prepared.view.close()
"""


def test_an_ordinary_user_gets_a_namespace_where_the_kernel_lets_him() -> None:
    """By a user namespace; with the system's interpreter, which everybody may read."""
    system, setpriv = Path("/usr/bin/python3"), shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None or not system.exists():
        pytest.skip("needs root, setpriv and /usr/bin/python3")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as state:
        os.chown(state, 65534, 65534)
        who = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [*who, system, "-S", "-B", "-c", ORDINARY, root, state],
            capture_output=True,
            text=True,
            check=False,
        )
    if "the kernel refused" in done.stderr:
        pytest.skip(done.stderr)

    assert done.stdout.split() == ["65534", "/var/task", "/tmp"], done.stderr
