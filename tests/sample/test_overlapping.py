"""Overlapping exports of one account share messages, and differ in every way in which real ones do."""

import itertools
import json
import tarfile
from pathlib import Path
from typing import Any

from skype_assets.etl.sample import write_overlapping


def read(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as archive:
        return json.load(archive.extractfile("messages.json"))  # pyright: ignore[reportArgumentType]


def test_overlapping_exports_share_messages_and_differ_as_promised(tmp_path: Path) -> None:
    paths = write_overlapping(tmp_path)
    exports = [read(path) for path in paths]
    shown = [
        {
            (c["id"], m["id"]): m
            for c in export["conversations"]
            for m in c.get("MessageList") or ()
            if isinstance(m, dict)
        }
        for export in exports
    ]
    dates = [export["exportDate"] for export in exports]
    assert sorted(set(dates)) == dates
    assert {export["userId"] for export in exports} == {"8:live:mara.ostrow"}
    assert sorted(tmp_path.iterdir()) == paths
    assert len(shown[0]) > 250
    for older, newer in itertools.pairwise(shown):
        both = older.keys() & newer.keys()
        assert newer.keys() - older.keys()
        assert len(both) > 200
        higher = [k for k in both if float(newer[k]["version"]) > float(older[k]["version"])]
        assert any(newer[k]["content"] == "changed my mind" for k in higher)
        assert any("deletetime" in (newer[k]["properties"] or {}) for k in higher)
        assert any("emotions" in (newer[k]["properties"] or {}) for k in higher)
        assert any(older[k] != newer[k] for k in both - set(higher))
    ids = [{c["id"] for c in export["conversations"]} for export in exports]
    assert len(ids[0] - ids[2]) == 1
    assert ids[0] == ids[1]
    names = [{c["displayName"] for c in export["conversations"]} for export in exports]
    assert ["Renamed 1" in names[0], "Renamed 2" in names[1], "Renamed 3" in names[2]] == [True] * 3


def test_overlapping_exports_are_repeatable(tmp_path: Path) -> None:
    first, second = (write_overlapping(tmp_path / name, exports=2, seed=3) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
