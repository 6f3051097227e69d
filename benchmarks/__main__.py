"""Measure every line, print the table, write the figures. The exit code is 1 if a "must" is missed."""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.lines import LINES, as_json, as_table, results
from benchmarks.rounds import PROJECT, Bench, Round, one_round, prepare
from benchmarks.server import server


def main() -> int:
    options = _options()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="skype-bench-", dir=options.folder) as folder, server(Path(folder)) as used:
        _say(f"writing an export of {options.messages:,} messages")
        bench = prepare(Path(folder), used, options.messages)
        about = _about(bench, options.messages)
        began = os.getloadavg()
        for number in range(1, options.rounds + 1):
            rounds.append(one_round(bench, LINES, lambda job, number=number: _say(f"round {number}: {job}")))
            # After every round: what has been measured is there, also if somebody does not wait for the rest.
            figures = as_json(results(rounds), rounds, **about, load_at_start=began, load_at_end=os.getloadavg())
            options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    found = results(rounds)
    print(as_table(found))
    print(f"\nload of the machine: {began[0]:.1f} at the start, {os.getloadavg()[0]:.1f} at the end, with its own")
    _say(f"all figures: {options.json}")
    return int(any(result.verdict == "MISSED" for result in found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000, help="of the export (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the median of which counts (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="for the exports, checkpoints and database (default: temporary)")
    default = PROJECT / "benchmarks" / "results" / f"{time.strftime('%Y-%m-%dT%H%M%S')}.json"
    parser.add_argument(
        "--json", type=Path, default=default, help="where all figures go (default: benchmarks/results/)"
    )
    return parser.parse_args()


def _about(bench: Bench, messages: int) -> dict[str, object]:
    return {
        "messages": messages,
        "messages_json_bytes": bench.messages_json.stat().st_size,
        "cores": len(os.sched_getaffinity(0)),
    }


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
