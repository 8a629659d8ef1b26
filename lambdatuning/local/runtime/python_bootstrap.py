"""Starts a Python function: AWS's own awslambdaric, as the interpreter's main program.

Called with the handler, the folder of the runtime's packages, the code's folder, and folders of
layers. Run by a fresh interpreter with `-S`: the function sees its own code, its layers and the
packages of Lambda's Python runtime, not what else is installed here (no .pth file, so no editable
install). What it needs itself it takes from the runtime's packages whatever PYTHONPATH says, which
is the function's to set.
"""

import gc
import os
import site
import sys

# Nothing that is imported here is garbage; to look for some takes a tenth of a cold start.
gc.disable()
_, HANDLER, RUNTIME, TASK, *LAYERS = sys.argv
sys.path.insert(0, RUNTIME)

from awslambdaric.__main__ import main  # noqa: E402 - of the runtime, not of PYTHONPATH
from awslambdaric.lambda_config import LambdaConfigProvider  # noqa: E402

# From Python 3.12 on, awslambdaric polls in a thread of its own each time, so that signals reach a
# waiting function. Here a waiting function is frozen, and the thread would be most of a warm call.
LambdaConfigProvider.SUPPORTED_THREADPOLLING_ENVS = set()

# The order of a function on AWS: its code, PYTHONPATH, layers, the runtime, the standard library.
own_path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
sys.path[:1] = []
sys.path[len(own_path) : len(own_path)] = [*LAYERS, RUNTIME]
sys.path.insert(0, TASK)
gc.enable()

if __name__ == "__main__":
    # -S leaves out exit() and quit(), which handlers on AWS have.
    site.setquit()
    site.sethelper()
    main([sys.argv[0], HANDLER])
