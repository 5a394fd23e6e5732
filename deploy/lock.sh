#!/usr/bin/env bash
# Writes deploy/requirements.txt: what a server needs, every package pinned with its hashes. Needs pip-tools.
set -euo pipefail
cd "$(dirname "$0")/.."
CUSTOM_COMPILE_COMMAND=deploy/lock.sh python -m piptools compile --quiet --generate-hashes --strip-extras \
  --extra postgres --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file deploy/requirements.txt pyproject.toml "$@"
