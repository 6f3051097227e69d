"""A names file names whom nothing else names, whatever program wrote it; what it is and what not is said."""

import json
from pathlib import Path

import pytest

from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import CheckpointDamaged, UsageError
from skype_assets.etl.phases import given_names
from tests.api.conftest import Place
from tests.engine.database_content import query

ANN, BOT = "8:live:ann.k", "28:concierge"

CONTACTS = (
    '"type","id","display_name","blocked","favorite","profile.mood","profile.name.first","profile.name.surname",'
    '"profile.phones[0].number","profile.phones[0].type"\r\n'
    '"Skype","8:live:ann.k","Ann, of ""K""","false","false","two\nlines","Ann","K","+1 (555) 010-7733","Mobile"\r\n'
    '"SkypeSuggested","tbrannock","","false","false","","Theo","Brannock","",""\r\n'
    '"Bot","concierge","Skype","false","false","","","","",""\r\n'
    '"Skype","8:live:nameless","","false","false","","","","112","Mobile"\r\n'
    '"Skype","8:zed","zed","false","false","","","","",""\r\n'
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            CONTACTS.encode("utf-8-sig"),
            {
                "28:concierge": "Skype",
                "4:+15550107733": 'Ann, of "K"',
                ANN: 'Ann, of "K"',
                "8:tbrannock": "Theo Brannock",
            },
        ),
        (b"id,name\nlive:ann.k,Ann\n8:live:ann.k,Second\n", {ANN: "Ann"}),
        (b"live:ann.k,Ann\n28:concierge,Skype\n", {ANN: "Ann", BOT: "Skype"}),
        (b"name;id\nAnn, K.;live:ann.k\n", {ANN: "Ann, K."}),
        ("id\tName\nlive:ann.k\tÅnn\n".encode("utf-16"), {ANN: "Ånn"}),
        (b"\n\nID , Display_Name \n live:ann.k , Ann \n,nobody\nlive:short\n", {ANN: "Ann"}),
        (b"id,name\nlive:ann.k,A\0nn\n", {ANN: "A\ufffdnn"}),
        (b"Display Name,ID\nAnn,live:ann.k\n", {ANN: "Ann"}),
        (b"User ID;Full name\nlive:ann.k;Ann\n", {ANN: "Ann"}),
        (b"id,name\n+1 (555) 010-7733,Plumber\n", {"4:+15550107733": "Plumber"}),
        (b'id,name\nlive:ann.k,"Ann\r\n K."\n', {ANN: "Ann K."}),
        (
            b"id,display_name,profile.name.first,profile.name.surname\nlive:ann.k,live:ann.k,,\nlive:ann.k,live:ann.k,Ann,K\n",
            {ANN: "Ann K"},
        ),
        (b"id,name\n", {}),
        (b"", {}),
    ],
    ids=[
        "contacts",
        "names",
        "no header",
        "semicolons",
        "UTF-16",
        "untidy",
        "NUL",
        "words in the header",
        "an id of words",
        "number",
        "lines",
        "id for a name",
        "header only",
        "empty",
    ],
)
def test_names_are_read_as_programs_write_them(content: bytes, expected: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(content)
    assert given_names.read(path) == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"first,second,third\n1,2,3\n", "no column `id`"),
        (b"display_name,blocked\nAnn,false\n", "no column `id`"),
        (b"id,blocked\nlive:ann.k,false\n", "names nobody"),
        (b"id,name\nlive:ann.k,\xff\xfe\xfd\n", "no UTF-8 text"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_names_file_is_refused(content: bytes | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=problem):
        given_names.read(path)


def test_a_task_keeps_its_names_and_a_damaged_file_is_said(tmp_path: Path) -> None:
    folder = Directory(tmp_path / "task")
    assert given_names.kept(folder) == {}
    given_names.keep(folder, {ANN: "Ann"})
    assert given_names.kept(folder) == {ANN: "Ann"}
    assert folder.file(given_names.KEPT).stat().st_mode & 0o777 == 0o600
    folder.file(given_names.KEPT).write_bytes(b"[]")
    with pytest.raises(CheckpointDamaged, match="give the names file again"):
        given_names.kept(folder)


def test_the_digest_is_that_of_the_names_in_any_order() -> None:
    assert given_names.digest({ANN: "Ann", BOT: "Bot"}) == given_names.digest({BOT: "Bot", ANN: "Ann"})
    assert given_names.digest({ANN: "Ann"}) != given_names.digest({ANN: "Bot"})


def test_a_pipeline_takes_names_and_a_copied_checkpoint_has_them(place: Place, tmp_path: Path) -> None:
    export = place.output_dir.parent / "named.json"
    chats = [{"id": ANN, "displayName": None, "version": 1, "properties": None, "MessageList": []}]
    export.write_text(json.dumps({"userId": "8:me", "exportDate": "2025-01-01T00:00", "conversations": chats}))
    (tmp_path / "names.csv").write_text("id,name\nlive:ann.k,Ann\n")
    pipeline = place.pipeline(task_id="t", media_only=True)
    pipeline.give_names(tmp_path / "names.csv")
    pipeline.run_pipeline(export)
    title = "SELECT title FROM skype.conversations"
    assert query(place.url, title) == [("Ann",)]
    pipeline.save_checkpoint(tmp_path / "copy")
    assert given_names.kept(Directory(tmp_path / "copy" / "t")) == {ANN: "Ann"}
    again = place.pipeline(task_id="t", media_only=True).run_pipeline(export)
    assert all(phase["from_checkpoint"] for phase in again["phases"].values())
    assert query(place.url, title) == [("Ann",)]
