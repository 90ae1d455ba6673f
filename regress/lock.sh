#!/usr/bin/env bash
# Resolves the dependencies of pyproject.toml in an empty environment and writes requirements.lock.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
.venv/bin/python -m venv "$scratch"
"$scratch/bin/python" -m pip install --quiet ".[dev,cluster]"
{
    echo "# Exact versions of everything the project uses, direct and indirect; for Python 3.11, 3.12 and 3.13 on Linux."
    echo "# Made by \`make lock\` from the dependencies named in pyproject.toml."
    "$scratch/bin/python" -m pip freeze --all --exclude pip --exclude assay | sort -f
} >requirements.lock
