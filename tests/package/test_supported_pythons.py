"""The versions of Python that are named in several places are the same everywhere."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))


def test_the_versions_that_are_promised_are_tested_and_get_wheels() -> None:
    classifiers = "\n".join(PROJECT["project"]["classifiers"])
    promised = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    assert promised[0] == PROJECT["project"]["requires-python"].removeprefix(">=")
    assert promised[0] == PROJECT["tool"]["pyright"]["pythonVersion"]
    assert WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"] == promised
    assert PROJECT["tool"]["cibuildwheel"]["build"] == [f"cp{version.replace('.', '')}-*" for version in promised]


def test_the_minor_version_of_dagster_that_was_tested_is_the_last_one_allowed() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for name in ("dagster", "dagster-postgres", "dagster-webserver"):
        [allowed] = [given for given in PROJECT["project"]["dependencies"] if re.match(rf"{name}[<>=]", given)]
        tested = re.search(rf"^{name}==(\d+)\.(\d+)\.", constraints, re.MULTILINE)
        assert tested is not None
        assert allowed.endswith(f",<{tested[1]}.{int(tested[2]) + 1}")
