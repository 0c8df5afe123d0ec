"""How fast answers are kept: python -m benchmarks.labelling --seconds 60.

Eight people send 20 answers a second in all to a server process of their own. Afterwards each
answer must be in the journal exactly once. The latency is that of the whole request: the answer is
on the disk when the reply comes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np

from uwe import journal
from uwe.journal import Answered
from uwe.project import Project

PEOPLE = 8
RATE = 20.0  # answers a second, of all people together
CLASSES = ("crow", "rook", "jay")
PAGES = ("/history", "/progress")  # what the page asks for after an answer


def prepared(folder: Path, rows: int) -> Path:
    """A project of vectors of which all rows but a few are given out."""
    (folder / "pool").mkdir()
    features = np.random.default_rng(0).normal(size=(rows, 16)).astype(np.float32)
    np.save(folder / "pool" / "features.npy", features)
    model = "sklearn:linear_model.LogisticRegression"
    project = Project(folder / "p.uwe", folder / "pool", model, classes=CLASSES)
    project.ask(rows - 10)
    return folder / "p.uwe"


def started(folder: Path) -> tuple[subprocess.Popen[str], list[str]]:
    """The server, and an address for each person."""
    names = ",".join(f"person{at}" for at in range(PEOPLE))
    server = subprocess.Popen(
        [sys.executable, "-m", "uwe", "label", str(folder), "--port", "0", "--no-browser",
         "--annotators", names, "--ahead", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    addresses = []
    assert server.stdout is not None
    for line in server.stdout:
        if "http://" in line:
            addresses.append(line.split()[-1])
        if "Ctrl-C" in line:
            break
    return server, addresses


def label(address: str, seconds: float, start: float, sent: list[str], took: list[float]) -> None:
    """One person: an answer every so often, with the requests that a page makes."""
    base = address.split("/?")[0]
    every = PEOPLE / RATE
    with httpx.Client(base_url=base, headers={"Origin": base}, timeout=30) as client:
        client.get(address)
        queue = client.post("/deal", json={"n": 4, "holding": []}).json()["cards"]
        due = start + every * np.random.default_rng(len(address)).random()
        while due < start + seconds and queue:
            time.sleep(max(0.0, due - time.perf_counter()))
            card = queue.pop(0)
            body = {"ticket": card["ticket"], "label": CLASSES[card["row"] % 3], "seconds": every}
            begin = time.perf_counter()
            reply = client.post("/answer", json=body)
            took.append(time.perf_counter() - begin)
            reply.raise_for_status()
            sent.append(card["id"])
            for page in PAGES:
                client.get(page)
            held = [each["ticket"] for each in queue]
            dealt = client.post("/deal", json={"n": 4 - len(queue), "holding": held})
            queue += dealt.json()["cards"]
            due += every


def main() -> None:
    """Measure, and count the answers in the journal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = int(given.seconds * RATE * 1.5) + 200
        folder = prepared(Path(name), rows)
        server, addresses = started(folder)
        try:
            sent: list[list[str]] = [[] for _ in addresses]
            took: list[list[float]] = [[] for _ in addresses]
            start = time.perf_counter() + 1
            threads = [
                threading.Thread(target=label, args=(each, given.seconds, start, ids, times))
                for each, ids, times in zip(addresses, sent, took, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            server.terminate()
            server.communicate()
        kept = Counter(
            row
            for event in journal.read(folder / "journal.jsonl")
            if isinstance(event, Answered)
            for row in event.rows
        )
        wanted = Counter(int(each) for ids in sent for each in ids)
        times = 1000 * np.array([each for of_one in took for each in of_one])
        p50, p95, p99 = np.percentile(times, [50, 95, 99]).round(1).tolist()
        print(
            json.dumps(
                {
                    "people": len(addresses),
                    "answers": len(times),
                    "a second": round(len(times) / given.seconds, 1),
                    "each in the journal once": kept == wanted and set(kept.values()) == {1},
                    "p50 ms": p50,
                    "p95 ms": p95,
                    "p99 ms": p99,
                    "max ms": round(float(times.max()), 1),
                }
            )
        )


if __name__ == "__main__":
    main()
