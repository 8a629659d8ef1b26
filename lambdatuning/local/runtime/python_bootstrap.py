"""Starts a Python function: AWS's own awslambdaric, as the interpreter's main program.

Run by a fresh interpreter with `-S`: the function sees its own code, its layers and the packages of
Lambda's Python runtime, not what else is installed here (no .pth file, so no editable install).
"""

import site
import sys

from awslambdaric.__main__ import main
from awslambdaric.lambda_config import LambdaConfigProvider

# From Python 3.12 on, awslambdaric polls in a thread of its own each time, so that signals reach a
# waiting function. Here a waiting function is frozen, and the thread would be most of a warm call.
LambdaConfigProvider.SUPPORTED_THREADPOLLING_ENVS = set()

if __name__ == "__main__":
    # -S leaves out exit() and quit(), which handlers on AWS have.
    site.setquit()
    site.sethelper()
    main(sys.argv)
