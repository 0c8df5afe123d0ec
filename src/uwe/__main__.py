"""``python -m uwe``; unlike other modules run by ``-m``, it imports none of the working folder."""

import os
import sys


def _is_working_folder(entry: str) -> bool:
    try:
        return os.path.samefile(entry or ".", ".")  # noqa: PTH121  (pathlib imports much)
    except OSError:
        return not entry


if sys.path and not sys.flags.safe_path and _is_working_folder(sys.path[0]):
    del sys.path[0]  # a file random.py there would run instead of Python's module

from uwe.cli import main  # noqa: E402  (the path is safe only now)

if __name__ == "__main__":
    sys.exit(main())
