"""``python -m fuzz --seconds 600 --seed 7``: tries until the time is over, and what they found."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from fuzz.session import Session
from fuzz.themes import THEMES


def main() -> int:
    """Fuzz, print each fault once, and return 1 if there was any."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--theme", action="append", choices=sorted(THEMES))
    parser.add_argument("--first", type=int, default=0, help="number of the first try")
    parser.add_argument("--tries", type=int, default=sys.maxsize, help="of each theme")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"))
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 31) if given.seed is None else given.seed
    print(f"FUZZ_SEED={seed}", flush=True)
    themes = given.theme or list(THEMES)
    end, done = time.monotonic() + given.seconds, 0
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as base,
        Session(Path(base), themes, keep=given.keep.absolute()) as session,
    ):
        for number in range(given.first, given.first + given.tries):
            for theme in themes:
                if time.monotonic() > end:
                    break
                done += 1
                fault = session.tried(theme, seed, number)
                if fault is not None:
                    print(fault, flush=True)
            if time.monotonic() > end:
                break
        print(f"{done:,} tries, {len(session.found)} kinds of faults; seed {seed}")
        return int(bool(session.found))


if __name__ == "__main__":
    sys.exit(main())
