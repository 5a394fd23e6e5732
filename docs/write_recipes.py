"""Writes docs/recipes.md from the recipe's own fields, so that the table cannot fall behind the code.

python docs/write_recipes.py           # writes; a test checks that nothing has changed since
"""

from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from aivsreal.training.recipe import Recipe, shipped_recipes

PAGE = Path(__file__).parent / "recipes.md"
HEAD = """# Recipes

A recipe is a TOML file: the sections below, every field optional unless it says *required*. Unknown keys are
errors. `aivsreal train DATA --recipe NAME_OR_FILE --scale smoke|cpu|full --set section.field=value`.

`aivsreal tune` searches what the table `[search]` names: any field below as a range (`low`, `high`, `log`; a grid
tries `points` of it, by default 3) or as `choices`. Without that table it searches learning rate, batch size and
epochs (a grid), and otherwise dropout, weight decay, strength of augmentation and frozen stages, too.

```toml
[search]
"optimise.learning_rate" = {{ low = 1e-4, high = 1e-2, log = true }}
"optimise.batch_size" = {{ choices = [16, 32, 64] }}
```

Shipped: {names}. This page is written by `docs/write_recipes.py`.
"""


def page() -> str:
    parts = [HEAD.format(names=", ".join(f"`{name}`" for name in shipped_recipes()))]
    plain = {name: field for name, field in Recipe.model_fields.items() if not is_section(field)}
    parts.append(table("At the top", plain))
    for name, field in Recipe.model_fields.items():
        if is_section(field):
            assert isinstance(field.annotation, type)
            parts.append(table(f"[{name}]", field.annotation.model_fields))
    return "\n".join(parts)


def is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def table(title: str, fields: dict[str, FieldInfo]) -> str:
    rows = [f"| `{name}` | {default(field)} | {field.description or ''} |" for name, field in fields.items()]
    return "\n".join([f"## {title}", "", "| field | default | what it is |", "|---|---|---|", *rows, ""])


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    return "none" if value is None or value is PydanticUndefined else f"`{value!r}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
