"""What the scripts share that keep what takes long in a folder, and go on with it after a kill."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aivsreal.errors import BadRun
from aivsreal.files import atomic_write_json, make_folder

ASKED = "asked.json"


def open_work(folder: Path, asked: Mapping[str, Any]) -> None:
    """Note in an empty folder what the work in it rests on. Raises: BadRun where it holds work on anything else."""
    if not any(make_folder(folder).iterdir()):
        atomic_write_json(folder / ASKED, asked)
    note = folder / ASKED
    before = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    different = [name for name in asked if before.get(name) != asked[name]]
    if different:
        raise BadRun(f"{folder} holds work on another {different[0]}", hint="choose another --work")
