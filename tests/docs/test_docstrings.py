"""What ``docs/api.md`` is made of: signatures and docstrings as they are written."""

from pathlib import Path

import pytest

from skype_assets.etl import docstrings

SOURCE = '''
LIMIT = 3
"""How many."""

class Base:
    def close(self) -> None:
        """End it."""

class Door(Base):
    """Opens.

    Args:
        width: in cm,
            of the frame.

    Example::

        Door(80)

    Attributes:
        width, height: as ``given``.
    """

    def __init__(self, width: int, *, height: int = 200) -> None:
        """Hidden: the class says it."""

    @classmethod
    def of(cls, text: str) -> "Door":
        """From ``80x200``."""

    @staticmethod
    def most() -> int:
        """The widest."""

    @property
    def is_open(self) -> bool:
        """Whether it is."""

    def _secret(self) -> None:
        """Nobody's business."""
'''

PAGE = """### Door

```py
Door(width: int, *, height: int = 200)
```

Opens.

**Args:**

- `width`: in cm, of the frame.

Example:

```text
Door(80)
```

**Attributes:**

- `width`, `height`: as `given`.

#### Door.close

```py
close()
```

End it.

#### Door.of

```py
Door.of(text: str) -> 'Door'
```

From `80x200`.

#### Door.most

```py
Door.most() -> int
```

The widest.

#### Door.is_open

```py
is_open: bool
```

Whether it is."""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    package = tmp_path / "documented"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "doors.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return "documented.doors"


def test_a_class_is_shown_with_what_is_public_of_it_and_of_its_bases(module: str) -> None:
    assert docstrings.entry("Door", module) == PAGE


def test_a_constant_is_shown_with_its_value_and_what_is_said_below_it(module: str) -> None:
    assert docstrings.entry("LIMIT", module) == "### LIMIT\n\n```py\nLIMIT = 3\n```\n\nHow many."


def test_a_name_that_a_module_only_imports_is_refused(module: str) -> None:
    with pytest.raises(LookupError, match=r"skype_assets\.etl\.engine does not define run"):
        docstrings.entry("run", "skype_assets.etl.engine")
