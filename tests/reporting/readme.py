"""The tour of README: its blocks, and the checkout that they are run in."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

BLOCKS = re.findall(r"```bash tour\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)

RECORDED, *TOUR = BLOCKS
"""Its first block is one command, which looks at the recorded runs and asks nothing of AWS."""


def copy_checkout(folder: Path, *names: str) -> None:
    """Folders and files of a checkout."""
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder)
