#!/usr/bin/env bash
# Builds the wheel, installs it alone in a fresh environment, and runs the demo from there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
pip="-m pip --disable-pip-version-check --quiet"

"$root/.venv/bin/python" $pip wheel --no-deps --wheel-dir "$folder" "$root"
wheel=$(echo "$folder"/uwe-*.whl)
listing=$("$root/.venv/bin/python" -m zipfile --list "$wheel")
grep -q 'uwe/py.typed' <<<"$listing" || { echo "the wheel lacks py.typed"; exit 1; }

"$root/.venv/bin/python" -m venv "$folder/env"
"$folder/env/bin/python" $pip install -c "$root/constraints.txt" "$wheel"
cd "$folder"
"$folder/env/bin/uwe" demo --seeds 1
test -s uwe-demo/curves.svg
echo "the wheel works alone"
