"""A state file is read as it was written, or refused (promise I16)."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from skype_assets.etl.checkpoints import state
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.state import FileRecord, PartRecord, PhaseState
from skype_assets.etl.errors import CheckpointDamaged, CheckpointMismatch

NOW = datetime(2025, 5, 20, 8, 12, tzinfo=UTC)


def _part(number: int, **files: int) -> PartRecord:
    return PartRecord(
        number=number,
        epoch=1,
        files={
            table: FileRecord(name=f"{table}-{number:05d}-e1.parquet", rows=rows, bytes=9 * rows, sha256=f"{rows:064x}")
            for table, rows in files.items()
        },
        progress=100 * (number + 1),
        counts={"messages": 10 * number, "duplicate": 1},
        seconds=0.5,
        cursor=msgspec.Raw(b'{"offset":7}'),
    )


STATE = PhaseState(
    format_version=state.FORMAT_VERSION,
    task_id="t",
    phase="transform",
    status="complete",
    inputs={"source_sha256": "ab", "code_version": "1"},
    started_at=NOW,
    updated_at=NOW,
    total=300,
    parts=(_part(0, media=3), _part(1, messages=5, rejects=2)),
    summary=_part(2, conversations=4),
)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = Directory(tmp_path)
    assert state.read(folder) is None
    folder.put(state.STATE_FILE, state.encode(STATE))
    assert state.read(folder) == STATE


def test_every_truncation_is_found() -> None:
    data = state.encode(STATE)
    for length in range(len(data)):
        with pytest.raises(CheckpointDamaged, match="where"):
            state.decode(data[:length], "where")


def test_every_flipped_bit_is_found() -> None:
    data = state.encode(STATE)
    for place in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            with pytest.raises(CheckpointDamaged):
                state.decode(bytes(damaged), "where")


@pytest.mark.parametrize("data", [b"null", b"[]", b"{}", b'{"state":{},"sha256":""}', b"\x80\x04N."])
def test_what_is_no_state_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointDamaged):
        state.decode(data, "where")


@pytest.mark.parametrize("version", [0, 2, 99, None, "1"])
def test_another_version_of_the_format_is_refused_with_both_versions(version: object) -> None:
    content = json.loads(state.encode(STATE))["state"]
    body = json.dumps({**content, "format_version": version}).encode()
    sealed = b'{"state":%b,"sha256":"%b"}' % (body, hashlib.sha256(body).hexdigest().encode())
    with pytest.raises(CheckpointMismatch, match=f"format_version is {version}, this program reads 1"):
        state.decode(sealed, "where")


def test_progress_is_that_of_the_last_part_and_counts_are_added_up() -> None:
    assert STATE.progress == 200
    assert STATE.counts() == {"messages": 30, "duplicate": 3}
    assert [record.number for record in STATE.records] == [0, 1, 2]
    begun = msgspec.structs.replace(STATE, parts=(), summary=None)
    assert (begun.progress, begun.counts(), begun.records) == (0, {}, ())


def test_the_fingerprint_depends_on_the_inputs_and_not_on_their_order() -> None:
    turned = msgspec.structs.replace(STATE, inputs=dict(reversed(STATE.inputs.items())), total=1)
    other = msgspec.structs.replace(STATE, inputs={**STATE.inputs, "code_version": "2"})
    assert turned.fingerprint == STATE.fingerprint
    assert other.fingerprint != STATE.fingerprint


def test_equal_parts_have_equal_checksums_whatever_their_order_and_epoch() -> None:
    part = _part(1, messages=5, rejects=2)
    turned = msgspec.structs.replace(part, epoch=7, files=dict(reversed(part.files.items())))
    assert turned.checksum == part.checksum
    assert _part(1, messages=5, rejects=3).checksum != part.checksum
    assert _part(1, messages=5).checksum != part.checksum
    assert part.rows == 7


def test_the_checksum_file_names_every_file_of_every_part() -> None:
    lines = state.checksum_lines(STATE).decode().splitlines()
    assert lines[0] == f"{3:064x}  media-00000-e1.parquet"
    assert [line.split("  ")[1] for line in lines[1:]] == [
        "messages-00001-e1.parquet",
        "rejects-00001-e1.parquet",
        "conversations-00002-e1.parquet",
    ]
