"""`python -m clsloc_utils` is the command `clsloc`."""

import sys

from clsloc_utils.cli import main

sys.exit(main())
