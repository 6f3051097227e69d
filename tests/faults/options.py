"""Options of both campaigns. Nothing is imported here that would call the C library before the shim is there."""

import argparse
import os
from pathlib import Path


def parsed(program: str, description: str, longest: str) -> argparse.Namespace:
    """The options of a campaign's command line.

    Args:
        program: how it is called, after ``python -m``.
        description: what it does.
        longest: how long everything takes.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--quick", action="store_true", help="a sample of everything, in a few minutes")
    size.add_argument("--long", action="store_true", help=f"everything; takes {longest}")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of tests, with commas")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="cases side by side")
    parser.add_argument("--piece", type=_piece, default=(1, 1), metavar="I/N", help="only the I-th of N pieces")
    parser.add_argument("--json", type=Path, help="write the result to this file, too")
    return parser.parse_args()


def _piece(text: str) -> tuple[int, int]:
    """Which of how many pieces of all cases are to be run: I/N."""
    index, _, of = text.partition("/")
    return int(index), int(of)
