"""Our Node client does what AWS's own does, act by act: posts, logs, exits.

`node_client.json` is what AWS's clients did (see `node_client`). Where they are installed,
LAMBDATUNING_AWS_NODE_CLIENTS names their folders, and they are held against the record again.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.local import node_client
from tests.local.node_client import CASES, Case

pytestmark = pytest.mark.usefixtures("node")
RECORDED: dict[str, dict[str, Any]] = json.loads(node_client.RECORDED.read_text())
_FOLDERS = os.environ.get("LAMBDATUNING_AWS_NODE_CLIENTS", "")
INSTALLED = [Path(folder) for folder in _FOLDERS.split(os.pathsep) if folder]


def _acts(runtime: str, case: Case) -> Any:
    return RECORDED[runtime]["acts"][case.name]


# Ours asks for the runtime where AWS's two clients differ; elsewhere it need not run twice.
ALL = [
    (runtime, case)
    for case in CASES
    for runtime in case.runtimes
    if runtime == case.runtimes[-1] or _acts(runtime, case) != _acts(case.runtimes[-1], case)
]
NAMES = [f"{runtime}: {case.name}" for runtime, case in ALL]


@pytest.mark.parametrize(("runtime", "case"), ALL, ids=NAMES)
def test_it_does_what_aws_client_does(runtime: str, case: Case) -> None:
    acts = node_client.run(case, runtime, node_client.ours())

    assert acts == _acts(runtime, case)


@pytest.mark.parametrize("package", INSTALLED, ids=str)
def test_aws_client_does_what_is_recorded(package: Path) -> None:
    version = json.loads((package / "package.json").read_text())["version"]
    runtime = "nodejs24.x" if version.startswith("4") else "nodejs22.x"
    for case in CASES:
        if runtime in case.runtimes:
            acts = node_client.run(case, runtime, node_client.of_aws(package))
            assert acts == _acts(runtime, case), case.name
