"""What the commands write: harmless, and with figures that people can read."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from skype_assets.etl import quantities
from skype_assets.etl.command_line import display as progress
from skype_assets.etl.command_line import terminal
from skype_assets.etl.tasks.pace import Pacer, percent


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs"])))
def test_printable_text_is_printable_and_encodable(text: str) -> None:
    shown = terminal.printable(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert terminal.printable(shown) == shown


def test_ordinary_names_stay_as_they_are() -> None:
    assert terminal.printable("Zoë Åström, 山田 😀 [bold]") == "Zoë Åström, 山田 😀 [bold]"


def test_json_on_stdout_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.write_json({"name": "\x1b[2J\u202eevil\udc80"})
    written = capsys.readouterr().out
    assert written.isascii()
    assert json.loads(written) == {"name": "\x1b[2J\u202eevil\udc80"}


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (1_700_000, "1.7 MB"), (10**15, "1000.0 TB")],
)
def test_sizes(count: int, text: str) -> None:
    assert quantities.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (12.34, "12.3 s"), (100, "1 min 40 s"), (7_300, "2 h 1 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert terminal.duration(seconds) == text


def test_a_share_is_rounded_down_and_never_above_100() -> None:
    assert percent(999, 1000) == 99
    assert percent(1001, 1000) == 100
    assert percent(0, 0) == 100


def test_rate_and_remaining_time_count_from_what_an_earlier_run_had_done() -> None:
    seconds = iter([100.0, 102.0, 104.0])
    pacer = Pacer(lambda: next(seconds))
    first, second, third = (pacer.pace("load", done, 1_000) for done in (400, 500, 1_200))
    assert (first.percent, first.per_second, first.remaining_seconds) == (40, None, None)
    assert (second.percent, second.per_second, second.remaining_seconds) == (50, 50.0, 10.0)
    assert (third.done, third.percent, third.remaining_seconds) == (1_000, 100, 0.0)


def test_bars_begin_where_the_last_run_stopped_and_end_at_100() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with progress.display(console) as shown:
        assert isinstance(shown, progress.Bars)
        shown.begin("extract")
        shown.end("extract", "from checkpoint")
        shown.begin("transform")
        for done in (400, 700, 1100):
            shown.advance("transform", done, 1000, "messages")
            shown._bars.refresh()
        shown.end("transform", "1.0 s")
    text = screen.getvalue()
    shares = [int(line.split("%")[0].split()[-1]) for line in text.splitlines() if "transform" in line and "%" in line]
    assert shares == sorted(shares)
    assert {40, 70, 100} <= set(shares) <= {40, 70, 100}
    assert "from checkpoint" in text


def test_what_follows_the_last_part_is_said_once_it_takes_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, now = io.StringIO(), iter(range(0, 1_000, 3))
    monkeypatch.setattr(progress.time, "monotonic", now.__next__)
    monkeypatch.setattr(progress, "Pacer", lambda: Pacer(iter(range(0, 1_000, 10)).__next__))
    with progress.display(Console(file=screen, width=120)) as shown:
        shown.begin("load")
        for done, doing in ((0, ""), (1_000, ""), (1_000, "indexes"), (1_250, "indexes"), (1_499, "digests")):
            shown.advance("load", done, 1_500, "messages", 500, doing)
        shown.advance("load", 1_500, 1_500, "messages", 500)
        shown.end("load", "1.0 s")
    said = screen.getvalue()
    assert "load: 66 % (1,000 of 1,000 messages), indexes, " in said
    assert "load: 99 % (1,000 of 1,000 messages), digests, " in said
    assert "100 %" not in said


def test_a_pipe_gets_few_lines() -> None:
    screen = io.StringIO()
    with progress.display(Console(file=screen)) as shown:
        shown.begin("load")
        for done in range(1_001):
            shown.advance("load", done, 1000, "messages")
        shown.end("load", "1.0 s")
    assert screen.getvalue() == "load: starts at 0 % (0 of 1,000 messages)\nload: complete, 1.0 s\n"
