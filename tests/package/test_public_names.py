"""``skype_assets.__all__`` is what is public: complete, documented, and free until it is used."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import skype_assets
from skype_assets.etl import errors
from skype_assets.etl.documentation import api

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *ROOT.glob("docs/*.md"))]
SHOWN = [
    *(path.read_text(encoding="utf-8") for path in ROOT.glob("examples/*.py")),
    *(block for page in PAGES for block in BLOCK.findall(page)),
]

CODE_LOCATION = {f"{module}.{name}" for name, module in skype_assets.CODE_LOCATION.items()}


def imported(source: str) -> set[str]:
    """``module.name`` of everything of ours that a source imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.split(".")[0] in ("skype_assets", "resources", "io_managers")}


def test_what_documentation_and_examples_import_is_public() -> None:
    assert len(SHOWN) > 5
    shown = set[str]().union(*map(imported, SHOWN))
    assert {"skype_assets.ETLPipeline", "skype_assets.run"} <= shown
    assert shown >= CODE_LOCATION
    assert sorted(shown - {f"skype_assets.{name}" for name in skype_assets.__all__} - CODE_LOCATION) == []


def test_type_checkers_and_python_find_the_same_names() -> None:
    source = ast.parse((ROOT / "skype_assets" / "__init__.py").read_text(encoding="utf-8"))
    [for_checkers] = [
        node for node in source.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    told = {
        name.name: node.module for node in for_checkers.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    assert {name: skype_assets.home(name) for name in skype_assets.__all__} == told
    for name in skype_assets.__all__:
        assert getattr(skype_assets, name) is getattr(sys.modules[skype_assets.home(name)], name)


def test_every_error_is_public() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and name != "Any"}
    assert classes <= set(skype_assets.__all__)


def test_the_page_of_the_api_has_every_public_name_once() -> None:
    assert sorted(re.findall(r"^### (\w+)$", api(), re.MULTILINE)) == sorted(
        [*skype_assets.__all__, *skype_assets.CODE_LOCATION]
    )


def test_no_other_name_can_be_imported() -> None:
    assert not hasattr(skype_assets, "Session")


def test_the_import_costs_nothing() -> None:
    code = "import skype_assets, sys; print(*sorted(name for name in sys.modules if name.startswith('skype_assets')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["skype_assets"]
