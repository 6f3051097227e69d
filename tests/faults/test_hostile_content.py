"""Hostile strings in an export that is otherwise fine: loaded within limits of memory and time, and as text.

The process that loads them has a limit of address space (``RLIMIT_AS``); what would exceed it ends with an error.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.engine.database_content import query

ROOT = Path(__file__).parents[2]
LIMIT_MB = 2_500
"""Of address space; most of it goes to libraries and the stacks of threads."""
MOST_SECONDS = 60

LARGE = 200_000
BOMB = "<!DOCTYPE x [" + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)) + "]><x>&e9;</x>"
INJECTION = "'); DROP TABLE skype.messages; --"

CONTENTS = {
    "entity bomb": BOMB,
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><b>&e;</b>',
    "deep markup": "<b>" * (LARGE // 8) + "deep" + "</b>" * (LARGE // 8),
    "deep quotes": '<quote author="a">' * 20_000 + "x" + "</quote>" * 20_000,
    "unclosed attribute": '<a href="' + "x" * LARGE,
    "many attributes": "<a " + " ".join(f'a{n}="x"' for n in range(80_000)) + ">x</a>",
    "many entities": "&amp;" * (LARGE // 5),
    "numeric entities": "&#0;&#xD800;&#x110000;&#99999999999999999999;" * 20_000,
    "deep JSON in a string": "[" * LARGE,
    "SQL": INJECTION,
    "escapes": "\x1b]0;title\x07\x1b[2J\u202etxt.exe\r\nINFO forged",
    "nulls": "\0" * LARGE,
}
TYPES = ("RichText", "RichText/Media_Card", "Event/Call", "ThreadActivity/AddMember", "PopCard", "Poll", "Text")

RUN = """
import resource, sys
from pathlib import Path
from skype_assets.etl import engine
from tests.conftest import NewDatabase
from skype_assets.etl.task import Settings, Task
source, output_dir, url, limit = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
engine.run(Task("t", Path(output_dir), Path(source), url, Settings(max_workers=1)))
"""


@dataclass(frozen=True)
class Loaded:
    """How the load ended, and where it is."""

    process: subprocess.CompletedProcess[str]
    seconds: float
    url: str


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Loaded:
    """An export with every hostile string in a conversation of its own, loaded by a process with a limit."""
    folder = tmp_path_factory.mktemp("hostile")
    export, url, began = _export(folder), new_database(), time.monotonic()
    return Loaded(_run(export, folder / "out", url, LIMIT_MB), time.monotonic() - began, url)


def test_hostile_strings_are_loaded_in_bounded_memory_and_time(loaded: Loaded) -> None:
    assert loaded.process.returncode == 0, loaded.process.stderr[-2000:]
    assert loaded.seconds < MOST_SECONDS


@pytest.mark.parametrize("name", CONTENTS)
def test_a_hostile_string_is_stored_as_it_is_and_its_text_is_not_longer(name: str, loaded: Loaded) -> None:
    of_it = f"FROM skype.messages WHERE conversation_id = '{_conversation(name)}'"
    kept = CONTENTS[name].replace("\0", "\ufffd")
    assert query(loaded.url, f"SELECT DISTINCT content {of_it}") == [(kept,)]
    texts = query(loaded.url, f"SELECT coalesce(text, '') {of_it}")
    assert len(texts) == len(TYPES)
    assert all(len(text) <= len(kept) for (text,) in texts)


def test_the_limit_of_memory_is_one_that_a_process_can_exceed(loaded: Loaded, tmp_path: Path) -> None:
    assert _run(_export(tmp_path), tmp_path / "out", loaded.url, LIMIT_MB // 6).returncode != 0


def _conversation(name: str) -> str:
    return f"8:live:{name.replace(' ', '.').lower()}"


def _export(folder: Path) -> Path:
    conversations = [
        {
            "id": _conversation(name),
            "displayName": content[:1000],
            "MessageList": [_message(name, content, number) for number in range(len(TYPES))],
        }
        for name, content in CONTENTS.items()
    ]
    path = folder / "messages.json"
    path.write_text(json.dumps({"userId": "8:live:mara.ostrow", "conversations": conversations}))
    return path


def _message(name: str, content: str, number: int) -> dict[str, str]:
    return {
        "id": str(1_600_000_000_000 + number),
        "originalarrivaltime": "2020-09-13T12:26:40.000Z",
        "from": "8:live:mara.ostrow",
        "conversationid": _conversation(name),
        "displayName": content[:1000],
        "messagetype": TYPES[number],
        "content": content,
    }


def _run(export: Path, output_dir: Path, url: str, limit_mb: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, export, output_dir, url, str(limit_mb * 1_000_000)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
