"""Records what a real Label Studio answers, for `tests/label_studio_answers.json`.

    LABEL_STUDIO_API_KEY=… python tests/record_label_studio.py http://127.0.0.1:8080

The server should be new and be run for this alone: projects, tasks and a user are added to it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ANSWERS = Path(__file__).parent / "label_studio_answers.json"
CONFIGURATION = (
    '<View><Text name="item" value="$text"/><Choices name="label" toName="item" choice="single" '
    'required="true"><Choice value="crow"/><Choice value="rook"/></Choices></View>'
)
PICTURES = CONFIGURATION.replace("Text", "Image").replace("text", "image")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


def main(address: str, token: str) -> None:
    """Ask for everything that `uwe sync` asks for, and write the answers."""
    found: dict[str, Any] = {}

    def call(name: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        headers = {"Authorization": f"Token {more.get('token', token)}"}
        kind = more.get("kind", "application/json")
        data = (
            body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        )
        request = Request(address + path, data, headers | {"Content-Type": kind}, method=method)
        try:
            with urlopen(request) as response:
                status, content = response.status, response.read()
                mime = response.headers["Content-Type"]
        except HTTPError as error:
            status, content, mime = error.code, error.read(), error.headers["Content-Type"]
        answer = json.loads(content) if content and "json" in mime else None
        found[name] = {"status": status, "type": mime, "json": answer}
        return answer

    def crow(label: str) -> list[dict[str, Any]]:
        return [{"from_name": "label", "to_name": "item", "type": "choices",
                 "value": {"choices": [label]}}]  # fmt: skip

    call("version", "GET", "/api/version")
    call("whoami", "GET", "/api/current-user/whoami")
    call("wrong token", "GET", "/api/current-user/whoami", token="wrong")
    call("no project", "GET", "/api/projects/999999/")
    call("user made", "POST", "/api/users/", {"email": "bo@example.org", "username": "bo"})
    bo = found["user made"]["json"].get("id", 2)
    call("users", "GET", "/api/users")
    wish = {"title": "recorded", "label_config": CONFIGURATION, "model_version": "uwe",
            "sampling": "Uncertainty sampling"}  # fmt: skip
    project = call("project made", "POST", "/api/projects/", wish)["id"]
    call("projects", "GET", "/api/projects/?title=recorded&page=1&page_size=100")
    prediction = {"model_version": "uwe", "score": 0.25, "result": crow("rook")}
    tasks = [
        {"data": {"uwe_id": f"t{at}", "text": f"text {at}"}, "predictions": [prediction]}
        for at in range(5)
    ]
    made = call("imported", "POST", f"/api/projects/{project}/import?return_task_ids=true", tasks)
    first, second, third, fourth, _ = made["task_ids"]
    annotations = "/api/tasks/{}/annotations/".format
    call("annotation made", "POST", annotations(first), {"result": crow("crow"), "lead_time": 3.25})
    call("second person", "POST", annotations(first),
         {"result": crow("rook"), "lead_time": 2.0, "completed_by": bo})  # fmt: skip
    call("skipped", "POST", annotations(second), {"result": [], "was_cancelled": True,
                                                   "lead_time": 1.5})  # fmt: skip
    call("draft", "POST", f"/api/tasks/{third}/drafts", {"result": crow("crow"), "lead_time": 1.0})
    call("empty", "POST", annotations(fourth), {"result": []})
    listed = "/api/tasks?project={}&fields=all&page={}&page_size={}".format
    call("tasks", "GET", listed(project, 1, 100))
    call("page after the last", "GET", listed(project, 2, 100))
    export = f"/api/projects/{project}/export?exportType="
    call("exported JSON", "GET", f"{export}JSON&download_all_tasks=true")
    call("exported JSON_MIN", "GET", f"{export}JSON_MIN&download_all_tasks=true")
    number = found["tasks"]["json"]["tasks"][4]["predictions"][0]["id"]
    call("prediction changed", "PATCH", f"/api/predictions/{number}/", {"score": 0.5})
    call("prediction removed", "DELETE", f"/api/predictions/{number}/")
    call("task removed", "DELETE", f"/api/tasks/{made['task_ids'][4]}/")
    call("bad task", "POST", f"/api/projects/{project}/import", [{"data": {"uwe_id": "x"}}])
    other = call("other made", "POST", "/api/projects/",
                 {"title": "pictures", "label_config": PICTURES})["id"]  # fmt: skip
    form = (
        b'--xx\r\nContent-Disposition: form-data; name="uwe0f.png"; filename="uwe0f.png"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\x89PNG\r\n\x1a\n\r\n--xx--\r\n"
    )
    call("uploaded", "POST", f"/api/projects/{other}/import?commit_to_project=false", form,
         kind="multipart/form-data; boundary=xx")  # fmt: skip
    call("uploads", "GET", f"/api/projects/{other}/file-uploads?all=true")
    refresh = call("personal token", "POST", "/api/token/", {})["token"]
    call("token refreshed", "POST", "/api/token/refresh/", {"refresh": refresh})
    call("token refused", "POST", "/api/token/refresh/", {"refresh": refresh[:-4] + "AAAA"})
    text = _JWT.sub("aa.bb.cc", json.dumps(found, ensure_ascii=False))
    ANSWERS.write_text(_lines(json.loads(text)), encoding="utf-8")


def _lines(found: dict[str, Any]) -> str:
    """One answer a line."""
    lines = (f"{json.dumps(name)}: {json.dumps(answer)}" for name, answer in found.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), os.environ["LABEL_STUDIO_API_KEY"])
