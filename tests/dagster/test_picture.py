import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

from skype_assets.shown.picture import as_markdown, bars, svg
from skype_assets.shown.statistics import Statistics

MONTHS = st.dictionaries(st.tuples(st.integers(1970, 2040), st.integers(1, 12)), st.integers(1, 10**7), max_size=40)


@given(MONTHS, st.lists(st.tuples(st.integers(0, 10**7), st.text()), max_size=10))
def test_whatever_the_figures_the_picture_is_an_image_within_its_frame(
    by_month: dict[tuple[int, int], int], largest: list[tuple[int, str]]
) -> None:
    largest.sort(reverse=True)
    root = ElementTree.fromstring(svg(Statistics(by_month, {}, 0, largest)))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for shape in root.iter("{http://www.w3.org/2000/svg}rect"):
        if "x" in shape.attrib:
            assert 0 <= float(shape.attrib["x"]) <= float(shape.attrib["x"]) + float(shape.attrib["width"]) <= width
            assert 0 <= float(shape.attrib["y"]) <= float(shape.attrib["y"]) + float(shape.attrib["height"]) <= height


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
