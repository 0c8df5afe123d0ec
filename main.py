"""The four actions of the paper's code under its own flags; ``--help`` lists them."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    sys.path.append(sys.path.pop(0))  # files beside this one never stand for modules of Python

from uwe.cli import paper as main

if __name__ == "__main__":
    sys.exit(main())
