"""How cost grows: ``python -m benchmarks.large`` loads ever larger exports, from 100,000 messages to 10 GB.

With all sizes it takes hours, and 100 GB of disk. Every export is loaded once; the exit code is 1 if memory or time
grows more than it must.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.children import Usage
from benchmarks.rounds import Bench, run_phase
from benchmarks.server import Server, server
from skype_assets.etl.phases import PHASES
from skype_assets.etl.sample import write_sample


@dataclass(frozen=True)
class Size:
    """An export: its messages, and the number of its conversations if not as usual."""

    messages: int
    conversations: int | None = None


SIZES: Final[Mapping[str, Size]] = {
    "0.1 M": Size(100_000),
    "1 M": Size(1_000_000),
    "6 M": Size(6_000_000),
    "6 M in one conversation": Size(6_000_000, 1),
    "1 GB": Size(2_120_000),
    "10 GB": Size(21_200_000),
}

MEMORY_MB: Final = 400
MEMORY_GROWTH: Final = 1.1
"""Of the largest size compared with the million."""
TIME_GROWTH: Final = 12
"""Of 10 GB compared with 1 GB."""

Sizes = Mapping[str, Mapping[str, Usage]]
"""What the phases have used, by size."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="which (default: all)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="for exports, checkpoints and database (default: temporary)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args()
    used: dict[str, dict[str, Usage]] = {}
    print(_row("export", *(f"{phase}, CPU s" for phase in PHASES), "wall s", "MB of a process", "MB of all"))
    print(_row(*["---"] * 7))
    with tempfile.TemporaryDirectory(prefix="skype-bench-", dir=options.folder) as folder, server(Path(folder)) as on:
        for name in options.sizes:
            used[name] = load(SIZES[name], Path(folder), on, options.workers)
            print(_row(name, *_figures(used[name])), flush=True)
    if options.json:
        figures = {name: {phase: asdict(usage) for phase, usage in phases.items()} for name, phases in used.items()}
        options.json.write_text(json.dumps({"workers": options.workers, "sizes": figures}, indent=1) + "\n")
    missed = list(too_much(used))
    print("\n".join(f"MISSED: {what}" for what in missed) or "passed")
    return int(bool(missed))


def load(size: Size, folder: Path, on: Server, workers: int) -> dict[str, Usage]:
    """Write an export, run the phases, remove everything."""
    export = folder / "export.tar"
    export.unlink(missing_ok=True)
    write_sample(export, messages=size.messages, conversations=size.conversations, oddities=False)
    on.fresh_database("large")
    bench = Bench(folder, on, export, export, export)
    used = {phase: run_phase(bench, phase, "large", workers) for phase in PHASES}
    shutil.rmtree(folder / "output")
    return used


def too_much(used: Sizes) -> Iterator[str]:
    """What grew more than it must, as far as it was measured."""
    memory = {name: max(usage.memory_mb for usage in phases.values()) for name, phases in used.items()}
    for name, most in memory.items():
        if most > MEMORY_MB:
            yield f"{name}: {most:.0f} MB in one process; it must be {MEMORY_MB} at most"
    if "1 M" in memory and max(memory.values()) > MEMORY_GROWTH * memory["1 M"]:
        yield f"memory grows from {memory['1 M']:.0f} MB to {max(memory.values()):.0f} MB"
    if {"1 GB", "10 GB"} <= used.keys():
        small, large = (sum(usage.wall for usage in used[name].values()) for name in ("1 GB", "10 GB"))
        if large > TIME_GROWTH * small:
            yield f"10 GB take {large / small:.1f} times as long as 1 GB; it must be {TIME_GROWTH} at most"


def _figures(phases: Mapping[str, Usage]) -> Sequence[str]:
    usages = list(phases.values())
    return [
        *(f"{usage.cpu:.1f}" for usage in usages),
        f"{sum(usage.wall for usage in usages):.1f}",
        f"{max(usage.memory_mb for usage in usages):.0f}",
        f"{max(usage.memory_sum_mb for usage in usages):.0f}",
    ]


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
