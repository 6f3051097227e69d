"""Exports of some megabytes that could become gigabytes: of rows, of decoded objects, of server memory.

``KINDS`` × ``SHAPES`` are sixty of them. ``peak`` runs one and watches the memory of the process and of the
server's processes.
"""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import psycopg2

ROOT: Final = Path(__file__).parents[2]
MB: Final = 1 << 20
LIMIT_MB: Final = 1_024
"""``memory_limit_mb`` of the runs, and what a process of the server may have."""

ADDRESS_SPACE_MB: Final = 4_000
"""``ulimit -v`` of the runs: libraries and the stacks of threads take half of it."""

Message = dict[str, object]


def _filled(unit: str, size: int) -> str:
    return unit * (size // len(unit))


def _preview(size: int) -> str:
    long = "d" * (size // 2)
    return json.dumps([{"key": "http://x", "value": {"url": "http://x", "title": "t", "description": long}}])


def _card(inner: str) -> Message:
    content = '{"attachments":[{"content":{"title":"t","x":[' + inner + "0]}}]}"
    encoded = b64encode(content.encode()).decode()
    return {"messagetype": "RichText/Media_Card", "content": f"<URIObject type='SWIFT.1'><Swift b64='{encoded}'/>"}


def _emotions(size: int) -> Message:
    users = [{"mri": f"8:{number:x}", "time": 1} for number in range(size // 32)]
    return {"properties": {"emotions": [{"key": "heart", "users": users}]}}


KINDS: Final[Mapping[str, Callable[[int], Message]]] = {
    "links and one preview": lambda size: {
        "content": _filled('<a href="http://x">', size // 2),
        "properties": {"urlpreviews": _preview(size)},
    },
    "mentions": lambda size: {"content": _filled('<at id="a">', size)},
    "quotes": lambda size: {"content": _filled("<quote author=a>b", size)},
    "tags": lambda size: {"content": _filled("<b>", size)},
    "targets of one initiator": lambda size: {
        "messagetype": "ThreadActivity/AddMember",
        "content": f"<addmember><initiator>{'i' * 400}</initiator>" + _filled("<target>a</target>", size),
    },
    "parts of a call": lambda size: {
        "messagetype": "Event/Call",
        "content": '<partlist type="ended">' + _filled("<part identity=a>", size),
    },
    "reactions": _emotions,
    "card of objects": lambda size: _card(_filled("{},", size * 3 // 4)),
    "card of numbers": lambda size: _card(_filled("1e308,", size * 3 // 4)),
    "property of objects": lambda size: {"properties": {"x": json.loads("[" + _filled("{},", size) + "0]")}},
    "files": lambda size: {"properties": {"files": json.loads("[" + _filled('{"title":"a"},', size) + "0]")}},
    "references": lambda size: {"amsreferences": [f"0-weu-d4-{number:020x}" for number in range(size // 34)]},
    "options of a poll": lambda size: {
        "messagetype": "Poll",
        "content": f'<URIObject type="Poll.1" optionsencoded="{_filled("%41|", size)}">',
    },
    "one text": lambda size: {"content": "x" * size},
    "links": lambda size: {"content": _filled("<a href=x>", size)},
}
IDS: Final = {"short": "8:tbrannock", "long": "19:" + "c" * 480 + "@thread.skype"}
SIZES: Final = {"one large": (1, 4 * MB), "below the limits": (28, 148_000), "many small": (2_000, 2_000)}
SHAPES: Final = (
    ("short", "one large"),
    ("short", "below the limits"),
    ("long", "below the limits"),
    ("long", "many small"),
)
"""Ids, and how many messages of which size: 100,000 values are 300 kB, and an object counts twice."""


@dataclass(frozen=True)
class Amplifying:
    """One of the sixty."""

    kind: str
    ids: str
    size: str

    def write(self, folder: Path) -> Path:
        """As a file."""
        count, size = SIZES[self.size]
        listed = [self._message(number, KINDS[self.kind](size)) for number in range(count)]
        conversation = {"id": IDS[self.ids], "MessageList": listed}
        owner = "8:" + "o" * (490 if self.ids == "long" else 10)
        path = folder / "messages.json"
        path.write_text(json.dumps({"userId": owner, "conversations": [conversation]}, separators=(",", ":")))
        return path

    def _message(self, number: int, said: Message) -> Message:
        usual = {
            "id": str(1_600_000_000_000 + number),
            "originalarrivaltime": "2024-11-05T18:05:01.774Z",
            "messagetype": "RichText",
            "content": "",
            "from": "8:tbrannock",
        }
        return usual | said


def sixty() -> Iterator[Amplifying]:
    """All of them."""
    for kind in KINDS:
        for ids, size in SHAPES:
            yield Amplifying(kind, ids, size)


@dataclass(frozen=True)
class Peak:
    """How a run ended, and the most anonymous memory that it and a process of the server had, in MB."""

    exit_code: int
    said: str
    process_mb: float
    server_mb: float


_RUN: Final = """
import resource, sys
from pathlib import Path
from skype_assets.etl import engine
from skype_assets.etl.task import Settings, Task
source, output_dir, url, limit_mb, address_space_mb = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(address_space_mb) << 20,) * 2)
engine.run(Task("t", Path(output_dir), Path(source), url, Settings(max_workers=1, memory_limit_mb=int(limit_mb))))
"""


def peak(export: Path, output_dir: Path, url: str) -> Peak:
    """Load an export, watching."""
    command = [sys.executable, "-c", _RUN, export, output_dir, url, str(LIMIT_MB), str(ADDRESS_SPACE_MB)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        own = server = 0.0
        postmaster = _postmaster(url)
        while process.poll() is None:
            own = max(own, _anonymous_mb(process.pid))
            server = max(server, *(_anonymous_mb(child.pid) for child in postmaster.children()), 0.0)
            time.sleep(0.01)
        assert process.stderr
        return Peak(process.returncode, process.stderr.read()[-1000:], own, server)


def _postmaster(url: str) -> psutil.Process:
    with psycopg2.connect(url) as connection:
        return psutil.Process(psutil.Process(connection.info.backend_pid).ppid())


def _anonymous_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("RssAnon:")), "RssAnon: 0 kB")
    return int(line.split()[1]) / 1024


def main() -> None:
    """Run all of them against ``SKYPE_TEST_DATABASE_URL`` and print what each needed."""
    url = os.environ["SKYPE_TEST_DATABASE_URL"]
    folder = Path(sys.argv[1])
    for number, one in enumerate(sixty()):
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS skype CASCADE")
        place = folder / str(number)
        place.mkdir(parents=True)
        found = peak(one.write(place), place / "out", url)
        sys.stdout.write(f"{one}: {found.process_mb:.0f} MB, server {found.server_mb:.0f} MB, exit {found.exit_code}\n")
        sys.stdout.write(found.said if found.exit_code else "")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
