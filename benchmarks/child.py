"""What ``children.run_job`` starts: prepare a job, wait for the word, run it, say what it has used."""

import importlib
import json
import resource
import sys
import time


def main(name: str, arguments: str) -> None:
    job = importlib.import_module(f"benchmarks.jobs.{name}").prepare(**json.loads(arguments))
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, began = _cpu_seconds(), time.monotonic()
    job()
    print(json.dumps({"cpu": _cpu_seconds() - cpu, "wall": time.monotonic() - began}))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main(*sys.argv[1:])
