"""`python -m lambdatuning`."""

import sys

from .cli import main

sys.exit(main())
