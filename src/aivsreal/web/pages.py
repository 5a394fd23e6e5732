"""What people see. Pages begin a browser's session and otherwise use what the API uses."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("pages", __name__)
