"""``python -m uwe``."""

import sys

from uwe.cli import main

sys.exit(main())
