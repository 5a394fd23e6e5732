"""Writes docs/operate.md: its head, and a table of the server's settings from their own descriptions.

python docs/write_settings.py           # writes; a test checks that nothing has changed since
"""

from pathlib import Path

from pydantic.fields import FieldInfo

from aivsreal.web.settings import Settings

PAGE = Path(__file__).parent / "operate.md"
HEAD = Path(__file__).parent / "operate.head.md"


def page() -> str:
    rows = [
        f"| `{name}` | `AIVSREAL_{name.upper()}` | {default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    head = HEAD.read_text("utf-8").rstrip()
    return "\n".join(
        [head, "", "| setting | environment | default | what it is |", "|---|---|---|---|", *rows, ""]
    )


def default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value in ("", ()):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
