"""Files of inputs: a line for each, its bytes as Python writes them."""

import ast
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.compiled.spelled import MESSAGE, USUAL_CONTENTS
from tests.content.test_golden import FILES

CORPUS: Final = Path(__file__).with_name("corpus.txt")
"""Inputs that reach something that the messages of other tests do not."""


def written(path: Path) -> list[bytes]:
    """The inputs of a file; none if it is not there."""
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return [ast.literal_eval(line) for line in lines]


def write(path: Path, inputs: Iterable[bytes]) -> None:
    """Write a file of inputs."""
    path.write_text("".join(f"{raw!r}\n" for raw in inputs), encoding="ascii")


def of_other_tests() -> list[bytes]:
    """The golden messages, and the usual contents as messages of every type that they have."""
    golden = [{**MESSAGE, **json.loads(path.read_text(encoding="utf-8"))["message"]} for path in FILES]
    types = sorted({message["messagetype"] for message in golden})
    usual = [{**MESSAGE, "messagetype": type_, "content": content} for type_ in types for content in USUAL_CONTENTS]
    return [json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() for message in golden + usual]
