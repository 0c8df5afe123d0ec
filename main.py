"""The four actions of the paper's code under its own flags; ``--help`` lists them."""

from __future__ import annotations

import sys

from uwe.cli import paper as main

if __name__ == "__main__":
    sys.exit(main())
