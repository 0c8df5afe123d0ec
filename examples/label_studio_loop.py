"""Drive a real Label Studio through three rounds, with a person who is simulated.

    python examples/label_studio_loop.py PATH/TO/label-studio [FOLDER]

It starts the server in a new folder, makes 90 drawn images of circles, squares and triangles and a
project about them, and calls ``uwe sync`` round after round. Between the rounds a simulated person
annotates over the HTTP API; the server is restarted once, while ``uwe sync`` waits for it. The
server has its own environment: ``pip install label-studio`` there, about 1 GB.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from PIL import Image, ImageDraw

CLASSES = ("circle", "square", "triangle")
TOKEN = secrets.token_hex(20)


def draw(folder: Path, n: int) -> None:
    """Draw images of which the name says the class."""
    folder.mkdir(parents=True)
    rng = random.Random(0)
    for at in range(n):
        kind = CLASSES[at % len(CLASSES)]
        image = Image.new("RGB", (64, 64), (rng.randrange(60), rng.randrange(60), 40))
        x, y, r = rng.randrange(24, 40), rng.randrange(24, 40), rng.randrange(10, 22)
        pen, fill = ImageDraw.Draw(image), (200, rng.randrange(100, 255), 90)
        if kind == "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        elif kind == "square":
            pen.rectangle((x - r, y - r, x + r, y + r), fill=fill)
        else:
            pen.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=fill)
        image.save(folder / f"{at:02}-{kind}.png")


def free_port() -> int:
    """A port on which nothing listens."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(program: str, data: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server that asks no other machine for anything."""
    environment = {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "COLLECT_ANALYTICS": "0",
        "LATEST_VERSION_CHECK": "0",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    environment.pop("PYTHONPATH", None)
    log = (data / "server.log").open("ab")
    return subprocess.Popen(
        [program, "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port),
         "--data-dir", str(data), "--username", "ann@example.org",
         "--password", "not-a-secret", "--user-token", TOKEN],
        stdout=log, stderr=log, env=environment,
    )  # fmt: skip


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a server."""
    server.terminate()
    server.wait(30)


def call(url: str, method: str, path: str, body: Any = None) -> Any:
    """One request, as the person's browser makes it."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
    with urlopen(Request(url + path, data=data, headers=headers, method=method)) as response:
        return json.loads(response.read() or b"null")


def wait_for(url: str, seconds: float = 180) -> str:
    """The version of the server, as soon as it answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            return str(call(url, "GET", "/api/version")["release"])
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def annotate(url: str, project: int, at_most: int) -> list[float]:
    """Annotate what the server gives out, in its order; the scores of the tasks."""
    scores = []
    for _ in range(at_most):
        try:
            task = call(url, "GET", f"/api/projects/{project}/next")
        except OSError:  # 404: there is no next task
            break
        scores += [each["score"] for each in task["predictions"]]
        kind = Path(task["data"]["uwe_id"]).stem.split("-")[1]
        result = {"from_name": "label", "to_name": "item", "type": "choices",
                  "value": {"choices": [kind]}}  # fmt: skip
        body = {"result": [result], "lead_time": 1.5}
        call(url, "POST", f"/api/tasks/{task['id']}/annotations/", body)
    return scores


def uwe(*arguments: str) -> subprocess.Popen[str]:
    """Start a command of uwe."""
    environment = {**os.environ, "LABEL_STUDIO_API_KEY": TOKEN}
    return subprocess.Popen(
        [sys.executable, "-m", "uwe", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def done(command: subprocess.Popen[str]) -> str:
    """What a command printed."""
    said, _ = command.communicate(timeout=600)
    if command.returncode:
        raise SystemExit(f"exit code {command.returncode}: {said}")
    return said.strip()


def main(program: str, folder: Path) -> None:
    """Three rounds, with a restart of the server in the second."""
    draw(folder / "shapes", 90)
    project = str(folder / "shapes.uwe")
    data = folder / "label-studio"
    data.mkdir()
    url = f"http://127.0.0.1:{(port := free_port())}"
    server = start(program, data, port)
    try:
        print("Label Studio", wait_for(url))
        print(done(uwe("init", project, str(folder / "shapes"), "--classes", ",".join(CLASSES),
                       "--model", "small", "--epochs", "8")))  # fmt: skip
        sync = ("sync", project, "--label-studio", url, "-k", "9", "--ahead", "3")
        print(done(uwe(*sync)))
        number = call(url, "GET", "/api/projects?title=shapes")["results"][0]["id"]
        for round_ in (1, 2, 3):
            scores = annotate(url, number, 9)
            print(f"round {round_}: scores in the order of the tasks given out: {scores}")
            if round_ == 2:
                stop(server)
                command = uwe(*sync, "--every", "5s")  # the server is away
                time.sleep(3)
                server = start(program, data, port)
                wait_for(url)
                time.sleep(45)  # it takes the answers, trains, sends, and comes again
                command.send_signal(2)
                print(command.communicate(timeout=60)[0].strip())
            else:
                print(done(uwe(*sync)))
        print(done(uwe(*sync)))
        print(done(uwe("status", project)))
        tasks = call(url, "GET", f"/api/tasks?project={number}&page_size=100")["tasks"]
        names = [each["data"]["uwe_id"] for each in tasks]
        print(f"{len(names)} tasks of {len(set(names))} items in Label Studio")
    finally:
        stop(server)


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    given = Path(sys.argv[2]) if sys.argv[2:] else Path(tempfile.mkdtemp(prefix="label-studio-"))
    main(sys.argv[1], given)
