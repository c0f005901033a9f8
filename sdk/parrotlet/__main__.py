"""``python -m parrotlet``."""

import sys

from parrotlet.cli import main

sys.exit(main())
