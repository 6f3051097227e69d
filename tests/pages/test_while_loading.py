"""While exports are loaded the reader works, and shows what is committed."""

import re
from pathlib import Path

from skype_assets.etl import engine
from skype_assets.etl.reading.keys import key
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from tests.conftest import NewDatabase
from tests.engine.runs import Pause, stopped_child
from tests.pages.reader import Reader, reading

MARA, THEO = "8:live:mara.ostrow", "8:tbrannock"


def task(folder: Path, url: str, owner: str) -> Task:
    name = owner.rpartition(":")[2]
    export = write_sample(folder / f"{name}.tar", messages=1_000, owner=owner, seed=len(name)).path
    return Task(name, folder / "output", export, url, Settings(chunk_size=200))


def found(running: Reader, owner: str) -> int:
    """How many messages of an account a search finds."""
    page = running.get(f"/search?q=before:2100-01-01&a={key(owner, '')}")
    assert page.status == 200
    count = re.search(r"([\d,]+) messages? found", page.text)
    return int(count[1].replace(",", "")) if count else 0


def read_all(running: Reader, owner: str) -> int:
    """How many messages stand on the last pages of an account's conversations."""
    shown = 0
    for path in re.findall(r'class="row" href="(/c/[0-9a-f]{16}/)"', running.get(f"/?a={key(owner, '')}").text):
        page = running.get(path)
        assert page.status == 200
        shown += page.text.count("<article")
    for path in ("/media", "/stats"):
        assert running.get(f"{path}?a={key(owner, '')}").status == 200
    return shown


def test_what_is_committed_is_shown_while_another_export_is_loaded(tmp_path: Path, new_database: NewDatabase) -> None:
    url = new_database()
    engine.run(task(tmp_path, url, MARA))
    theo = task(tmp_path, url, THEO)
    with reading(tmp_path, url) as running:
        whole = found(running, MARA), read_all(running, MARA)
        seen: list[tuple[int, int]] = []
        for parts in (2, 4):
            with stopped_child(theo, Pause("load", parts)):
                seen.append((found(running, THEO), read_all(running, THEO)))
                assert (found(running, MARA), read_all(running, MARA)) == whole
        engine.run(theo)
        seen.append((found(running, THEO), read_all(running, THEO)))
    assert seen == sorted(seen)
    assert len(set(seen)) == 3
    assert seen[0] > (100, 20), "a part is committed, and shown"
