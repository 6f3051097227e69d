"""The raw checkpoint is the export, byte for byte: what lies at (member, offset, length) is what is stored (I9)."""

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skype_assets.etl import engine
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.sample import write_sample
from tests.engine.runs import task

KEYS = ["id", "displayName", "MessageList", "conversations", "messages", "version", "content", "[", '"', "}{", "é"]
text = st.text(max_size=8) | st.sampled_from(["\ud800", "\0", '\\"', "]}", "👀", "\u2028"])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
extras = st.dictionaries(st.sampled_from(KEYS[3:]), values, max_size=3)
Json = dict[str, Any]


@st.composite
def objects(draw: st.DrawFn, own: dict[str, st.SearchStrategy[Any]]) -> Json:
    """An object with some keys of its own and others, in any order."""
    found = {**draw(extras), **{key: draw(strategy) for key, strategy in own.items()}}
    return {key: found[key] for key in draw(st.permutations(list(found)))}


conversations = objects({"id": text, "MessageList": st.lists(values, max_size=6)})
documents = objects({"userId": text, "conversations": st.lists(conversations, max_size=4)})
layouts = st.sampled_from(
    [
        {"separators": (",", ":")},
        {"indent": 2},
        {"indent": "\t", "ensure_ascii": True},
        {"separators": (" ,\r\n", "\t: ")},
    ]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(documents, layouts, st.integers(1, 7), st.booleans())
def test_every_object_of_any_export_is_kept_byte_for_byte(
    document: Json, layout: Json, chunk_size: int, marked: bool
) -> None:
    data = b"\xef\xbb\xbf" * marked + json.dumps(document, **layout).encode()
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder, "messages.json")
        export.write_bytes(data)
        any_export = task("t", Path(folder, "out"), export, None, chunk_size, media_only=True)
        tables = engine.run_phase(any_export, "extract").tables
        _assert_verbatim(tables, {"messages.json": data})
        elements = [element for conversation in document["conversations"] for element in conversation["MessageList"]]
        assert [json.loads(raw) for raw in tables["messages"].to_table()["raw"].to_pylist()] == elements
        headers = [json.loads(raw) for raw in tables["header"].to_table()["raw"].to_pylist()]
        assert headers == [{**document, "conversations": []}]
        without_messages = [json.loads(raw) for raw in tables["conversations"].to_table()["raw"].to_pylist()]
        assert without_messages == [{**found, "MessageList": []} for found in document["conversations"]]


@pytest.mark.parametrize("chunk_size", [1, 150, 100_000])
def test_every_object_of_the_sample_is_kept_byte_for_byte(chunk_size: int, sample: Path, tmp_path: Path) -> None:
    """Parts of one message would be many files: so few messages that it does not matter."""
    if chunk_size == 1:
        sample = write_sample(tmp_path / "small.tar", messages=30).path
    tables = engine.run_phase(task("t", tmp_path / "out", sample, None, chunk_size), "extract").tables
    with tarfile.open(sample) as tar:
        members = {info.name: _bytes(tar, info) for info in tar if info.isreg()}
    _assert_verbatim(tables, members)
    media = tables["media"].to_table().to_pylist()
    assert {row["member"] for row in media} == {name for name in members if name.startswith("media/")}
    assert all(row["size"] == len(members[row["member"]]) for row in media)
    side_files = {row["member"]: row["raw"] for row in media if row["is_side_file"]}
    assert side_files
    assert side_files == {name: members[name] for name in members if name.startswith("media/") and ".json" in name}


@pytest.mark.parametrize("ending", [".tar.gz", ".zip", ".json"])
def test_positions_are_those_within_the_member_whatever_the_container(
    ending: str, sample: Path, tmp_path: Path
) -> None:
    with tarfile.open(sample) as tar:
        data = _bytes(tar, tar.getmember("messages.json"))
    export = write_sample(tmp_path / f"export{ending}", messages=600).path
    tables = engine.run_phase(task("t", tmp_path / "out", export, None), "extract").tables
    [header] = tables["header"].to_table().to_pylist()
    assert header["member"] == (f"export{ending}" if ending == ".json" else "messages.json")
    _assert_verbatim(tables, {header["member"]: data})


def _assert_verbatim(tables: PhaseTables, members: dict[str, bytes]) -> None:
    [header] = tables["header"].to_table().to_pylist()
    data = members[header["member"]]
    assert header["size"] == len(data)
    assert header["raw"] == _joined(data, header["spans"])
    for row in _rows(tables, ["messages", "rejects"]):
        assert row["raw"] == data[row["offset"] : row["offset"] + row["length"]]
        assert row.get("sha256") in (None, hashlib.sha256(row["raw"]).digest())
    for row in _rows(tables, ["conversations"]):
        assert row["raw"] == _joined(data, row["spans"])
        assert row["sha256"] == hashlib.sha256(row["raw"]).digest()
        whole = data[row["offset"] : row["offset"] + row["length"]]
        assert whole.startswith(b"{")
        assert whole.endswith(b"}")
    ordinals = [row["ordinal"] for row in _rows(tables, ["messages", "conversations", "rejects"])]
    assert sorted(ordinals) == list(range(len(ordinals)))


def _rows(tables: PhaseTables, names: Sequence[str]) -> Iterator[Json]:
    for name in names:
        yield from tables[name].to_table().to_pylist()


def _joined(data: bytes, spans: Sequence[dict[str, int]]) -> bytes:
    return b"".join(data[span["offset"] : span["offset"] + span["length"]] for span in spans)


def _bytes(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(info)
    assert file
    return file.read()
