"""What the documents say of the program is what the program has."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from aivsreal import errors
from aivsreal.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]


def script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for the names in their annotations.
    sys.modules[spec.name] = module
    # A script finds what lies beside it, as when it is run.
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def test_the_page_on_recipes_lists_the_fields_that_there_are() -> None:
    module = script(ROOT / "docs" / "write_recipes.py")
    assert module.PAGE.read_text("utf-8") == module.page(), "run: python docs/write_recipes.py"


def test_the_page_for_operators_lists_the_settings_that_there_are() -> None:
    module = script(ROOT / "docs" / "write_settings.py")
    assert module.PAGE.read_text("utf-8") == module.page(), "run: python docs/write_settings.py"


def test_the_page_beside_others_says_what_the_results_say() -> None:
    module = script(ROOT / "docs" / "write_comparison.py")
    assert module.PAGE.read_text("utf-8") == module.page(), "run: python docs/write_comparison.py"


def test_the_page_on_scale_is_worked_out_from_the_measurements_that_there_are() -> None:
    module = script(ROOT / "docs" / "write_scale.py")
    assert module.PAGE.read_text("utf-8") == module.page(), "run: python docs/write_scale.py"


def test_the_readme_documents_every_exit_code() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    codes = {kind.exit_code for kind in vars(errors).values() if hasattr(kind, "exit_code")}
    assert codes <= {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}


def test_every_command_is_named_in_the_documents() -> None:
    text = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "CHANGELOG.md"))
    assert [name for name in COMMANDS if f"`{name}`" not in text and f"aivsreal {name}" not in text] == []


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
