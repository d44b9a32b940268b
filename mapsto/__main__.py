"""`python -m mapsto` is the command line."""

import sys

from mapsto.cli import main

sys.exit(main())
