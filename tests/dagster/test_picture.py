import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl import engine
from skype_assets.etl.export.members import printable
from skype_assets.etl.task import Settings, Task
from skype_assets.shown.picture import as_markdown, bars, svg
from skype_assets.shown.statistics import Statistics, statistics

MONTHS = st.dictionaries(st.tuples(st.integers(1970, 2040), st.integers(1, 12)), st.integers(1, 10**7), max_size=40)


@given(MONTHS, st.lists(st.tuples(st.integers(0, 10**7), st.text()), max_size=10))
def test_whatever_the_figures_the_picture_is_an_image_within_its_frame(
    by_month: dict[tuple[int, int], int], largest: list[tuple[int, str]]
) -> None:
    largest.sort(reverse=True)
    root = ElementTree.fromstring(svg(Statistics(by_month, {}, 0, largest)))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        letters = 7 * len(text.text or "")  # in the mean, at 12 pixels' height
        assert text.attrib["text-anchor"] == "end" or float(text.attrib["x"]) + letters <= width
    for shape in root.iter("{http://www.w3.org/2000/svg}rect"):
        if "x" in shape.attrib:
            assert 0 <= float(shape.attrib["x"]) <= float(shape.attrib["x"]) + float(shape.attrib["width"]) <= width
            assert 0 <= float(shape.attrib["y"]) <= float(shape.attrib["y"]) + float(shape.attrib["height"]) <= height


@given(st.lists(st.text(), max_size=10))
def test_names_are_text_in_it_whatever_they_are(names: list[str]) -> None:
    root = ElementTree.fromstring(svg(Statistics({}, {}, 0, [(1, "direct")] * len(names), names)))
    shown = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
    labels = [text.removesuffix("...") for text in shown[3::2]]
    assert len(labels) == len(names)
    assert all(printable(name).startswith(label) for name, label in zip(names, labels, strict=True))
    assert all(len(label) <= 30 for label in labels)


def test_without_names_it_says_so_and_what_names_them() -> None:
    figures = Statistics({}, {}, 0, [(3, "direct")])
    assert "SKYPE_PICTURE_NAMES=on" in svg(figures)
    assert "SKYPE_PICTURE_NAMES" not in svg(replace(figures, names=["Ann <b>"]))


def test_names_are_only_looked_up_if_the_environment_asks_for_them(
    tmp_path: Path, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task("ann-1", tmp_path, sample_tar, settings=Settings(max_workers=1))
    engine.run_phase(task, "extract")
    tables = engine.run_phase(task, "transform").tables
    monkeypatch.delenv("SKYPE_PICTURE_NAMES", raising=False)
    assert statistics(tables).names is None
    monkeypatch.setenv("SKYPE_PICTURE_NAMES", "on")
    figures = statistics(tables)
    titles = set(tables.summary("conversations")["title"].to_pylist())
    assert figures.names is not None
    assert len(figures.names) == len(figures.largest) == 10
    assert set(figures.names) <= titles


@given(MONTHS)
def test_bars_lose_no_message_and_stay_readable(by_month: dict[tuple[int, int], int]) -> None:
    drawn = bars(by_month)
    assert sum(count for _, count in drawn) == sum(by_month.values())
    assert len(drawn) <= 120


def test_no_words_but_the_pictures_own_are_in_it() -> None:
    hostile = Statistics({(2020, 1): 3}, {"](javascript:alert(1))<script>": 2}, 2, [(3, "<script>alert(1)</script>")])
    assert "alert" not in svg(hostile)
    shown = as_markdown(hostile)
    assert shown.count("](") == 1
    assert shown.isascii()
