"""Where a Node function's modules are looked up: its layers, itself, what this node has installed.

Lambda's Node.js runtimes bring the AWS SDK for JavaScript along; a plain node does not. Here it
comes from the function's layers, from node's own global modules or NODE_PATH, or else from the
newest layer on this endpoint that holds it (`layer_records`).
"""

import functools
import os
from collections.abc import Iterable
from pathlib import Path

SDK_FOLDER = "nodejs/node_modules/@aws-sdk/"
_SYSTEM_FOLDERS = ("/usr/local/lib/node_modules", "/usr/lib/node_modules", "/usr/share/nodejs")


def module_path(runtime: str, layers: Iterable[Path], task_root: Path, node: str | None) -> str:
    """NODE_PATH: folders of the layers, in their order, then the function's, then node's own."""
    of_layers = [
        layer / "nodejs" / folder
        for layer in layers
        for folder in (f"node{_major(runtime)}/node_modules", "node_modules")
    ]
    folders = [folder for folder in of_layers if folder.is_dir()]
    return os.pathsep.join(map(str, [*folders, task_root, *global_folders(node)]))


@functools.cache
def global_folders(node: str | None) -> tuple[Path, ...]:
    """Folders with the AWS SDK among the modules that `node` offers everybody on this machine."""
    named = [Path(entry) for entry in os.environ.get("NODE_PATH", "").split(os.pathsep) if entry]
    beside = [Path(node).resolve().parent.parent / "lib/node_modules"] if node else []
    known = [*named, *beside, *map(Path, _SYSTEM_FOLDERS)]
    return tuple(folder for folder in dict.fromkeys(known) if (folder / "@aws-sdk").is_dir())


def _major(runtime: str) -> str:
    return runtime.removeprefix("nodejs").partition(".")[0]
