"""The report says what became of every object, is checked without this program, and names what was tampered with."""

import hashlib
import html
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import IO, cast

import psycopg2
import pytest

from skype_assets.etl.database.digests import digests
from skype_assets.etl.database.session import Session
from skype_assets.etl.handing.text import TEXT
from tests.cases.chats import OWNER, PHOTO, THEO, archive, conversation, message
from tests.command_line.conftest import Invoke, database, invoke, sample_tar, workplace
from tests.handing.conftest import HandOver, Rows, psql

__all__ = ["database", "invoke", "sample_tar", "workplace"]


@pytest.fixture
def loaded(invoke: Invoke, database: str, sample_tar: Path) -> str:
    assert invoke("run", sample_tar, "--task-id", "sample").exit_code == 0
    return database


def test_every_number_can_be_computed_again_with_psql_and_sha256sum(
    invoke: Invoke, loaded: str, sample_tar: Path
) -> None:
    document = json.loads(invoke("report", "sample", "--json").stdout)
    [export] = document["exports"]
    account = export["conservation"]
    assert account["seen"] == account["loaded"] + account["duplicate"] + account["rejected"] > 0
    by_conversation = account["by_conversation"]
    for name in ("seen", "loaded", "duplicate", "rejected"):
        assert sum(one[name] for one in by_conversation) == account[name]
    assert all(one["seen"] == one["loaded"] + one["duplicate"] + one["rejected"] for one in by_conversation)
    assert export["rejected"]["count"] == len(export["rejected"]["listed"]) >= account["rejected"]
    summed = subprocess.run(["sha256sum", sample_tar], capture_output=True, text=True, check=True).stdout
    assert export["source_sha256"] == summed.split()[0]
    assert export["source_size"] == sample_tar.stat().st_size
    said = {(one["sha256"], str(one["rows"]), one["table"]) for one in document["digests"]}
    computed = psql(loaded, document["how_to_check"]["digest.sql"], "-q").splitlines()
    assert {tuple(line.split("|")) for line in computed} == said
    assert {check["status"] for check in document["checks"]} == {"ok"}


def test_what_was_tampered_with_is_named_by_table_and_row(invoke: Invoke, loaded: str) -> None:
    with psycopg2.connect(loaded) as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE skype.messages SET text = 'forged' WHERE ctid = (SELECT max(ctid) FROM skype.messages "
            "WHERE kind = 'text') RETURNING owner_id, conversation_id, message_id"
        )
        [key] = cursor.fetchall()
    reported = invoke("report", "sample", "--json", "--html", "report.html")
    assert reported.exit_code == 11
    [rows] = [check for check in json.loads(reported.stdout)["checks"] if check["status"] == "failed"]
    assert [(one["table"], tuple(one["key"])) for one in rows["differences"]] == [("messages", key)]
    page = Path("report.html").read_text()
    assert key[2] in page
    assert "forged" not in page
    assert f"messages ({', '.join(key)})" in invoke("report", "sample").stdout
    assert invoke("report", "sample", "--no-compare").exit_code == 0


def test_of_an_export_that_others_have_won_it_says_where_the_rows_are_and_no_zeros(
    invoke: Invoke, loaded: str, workplace: Path, sample_tar: Path
) -> None:
    later = workplace / "messages.json"
    with tarfile.open(sample_tar) as archive, cast("IO[bytes]", archive.extractfile("messages.json")) as member:
        later.write_bytes(member.read())
    later.write_text(re.sub(r'"exportDate":"\d{4}', '"exportDate":"2027', later.read_text(), count=1))
    before = json.loads(invoke("report", "sample", "--no-compare", "--json").stdout)["exports"][0]
    assert before["rows_elsewhere"] == []
    assert before["edited"] > 0
    assert invoke("run", later, "--task-id", "later").exit_code == 0
    reported = invoke("report", "sample", "--no-compare", "--json", "--html", "report.html")
    [export] = json.loads(reported.stdout)["exports"]
    [other] = export["rows_elsewhere"]
    assert (other["task_id"], other["messages"]) == ("later", before["rows_of_messages"])
    assert export["conservation"] == before["conservation"]
    assert [export[name] for name in ("edited", "deleted", "copies_of_edits", "without_time", "flags", "media")] == [
        None
    ] * 6
    page, lines = Path("report.html").read_text(), invoke("report", "sample", "--no-compare").stdout
    assert f"{other['messages']:,} of them have their rows in export {other['export_id']}, task later" in lines
    assert f"Of {other['messages']:,} of these messages export {other['export_id']} (task later" in page
    for told in (page, lines):
        assert "without a time" not in told
        assert "Messages without a time" not in told
    assert "Files of messages" not in page


def test_a_task_that_is_not_loaded_is_refused(invoke: Invoke, loaded: str) -> None:
    refused = invoke("report", "other", "--no-compare")
    assert refused.exit_code == 2
    assert "skype-assets status" in refused.stderr


def test_a_task_whose_export_another_one_has_loaded_is_told_which(
    invoke: Invoke, loaded: str, sample_tar: Path
) -> None:
    assert invoke("run", sample_tar, "--task-id", "again").exit_code == 0
    assert invoke("report", "again", "--no-compare").exit_code == 0
    refused = invoke("report", "sample", "--no-compare")
    assert refused.exit_code == 2
    assert "which task again has loaded: skype-assets report again" in refused.stderr


def test_of_a_file_in_several_copies_it_says_which_one_is_handed_over(
    invoke: Invoke, database: str, workplace: Path
) -> None:
    uri = f'<URIObject uri="https://x/{PHOTO}" type="Picture.1" doc_id="{PHOTO}"><OriginalName v="a.jpg"/></URIObject>'
    sent = message(1, THEO, messagetype="RichText/UriObject", content=uri, amsreferences=[PHOTO])
    copies = {f"media/{PHOTO}.1.jpeg": b"smaller", f"media/{PHOTO}.1.png": b"the larger one"}
    archive(workplace / "export.tar", OWNER, conversation(THEO, sent), copies)
    assert invoke("run", "export.tar", "--task-id", "copies").exit_code == 0
    [export] = json.loads(invoke("report", "copies", "--no-compare", "--json", "--html", "r.html").stdout)["exports"]
    sha256 = hashlib.sha256(b"the larger one").hexdigest()
    assert export["media_in_several_copies"] == [{"member": f"media/{PHOTO}.1.png", "sha256": sha256}]
    assert sha256 in Path("r.html").read_text()


def test_every_hand_over_has_the_report_with_its_selection(write: HandOver, rows: Rows, sample_url: str) -> None:
    handed = write(TEXT, query="from:mara")
    page = (handed.folder / "report.html").read_text()
    for value in (handed.document["selection"]["sha256"], "from:mara", "sha256sum -c SHA256SUMS"):
        assert value in page
    [(sha256,)] = rows("SELECT encode(source_sha256, 'hex') FROM skype.exports")
    assert str(sha256) in page
    assert not re.search(r"<script|<img|<link|src=|href=", page)
    everything = write(TEXT, "all", media=False, zone="Europe/Berlin")
    with Session(sample_url, read_only=True) as session:
        for digest in digests(session):
            assert digest.sha256 in (everything.folder / "report.html").read_text()
    for handed_over in (handed, everything):
        selection = handed_over.document["selection"]
        page = (handed_over.folder / "report.html").read_text()
        [shown] = re.findall(r'<pre dir="ltr">(.*?)</pre>', page, re.DOTALL)
        assert html.unescape(shown) == selection["sql"]
        assert psql(sample_url, selection["sql"]) == f"{selection['sha256']}|{selection['messages']}\n"


def test_the_report_of_a_task_has_the_sql_of_a_digest_of_all_messages(
    invoke: Invoke, loaded: str, write: HandOver
) -> None:
    document = json.loads(invoke("report", "sample", "--json", "--no-compare").stdout)
    selection = write(TEXT, media=False, url=loaded).document["selection"]
    computed = psql(loaded, document["how_to_check"]["selection.sql"])
    assert computed == f"{selection['sha256']}|{selection['messages']}\n"
