"""What ``deploy/`` has names what is there: settings, modules, commands, options. Kubernetes is not here to try it."""

import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import dask.config
import pytest
import yaml
from dagster import DagsterInstance

from skype_assets.instance.celery_launcher import AskingRunLauncher

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
INSTALLED = "/opt/skype-assets/.venv/bin/"
UNITS = sorted(DEPLOY.glob("*.service"))
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


def _commands() -> list[list[str]]:
    """What units and containers start."""
    texts = [unit.read_text().replace("\\\n", " ") for unit in UNITS]
    started = [shlex.split(line) for text in texts for line in re.findall("(?m)^ExecStart=(.+)", text)]
    pods = [kind["spec"]["template"]["spec"] for kind in KUBERNETES if kind["kind"] == "Deployment"]
    containers = [container for pod in pods for container in pod["containers"]]
    return [*started, *([*container["command"], *container.get("args", [])] for container in containers)]


def test_every_setting_that_is_named_is_one_of_the_programs_or_of_dask() -> None:
    texts = [file.read_text() for file in DEPLOY.iterdir()]
    named = {name for text in texts for name in re.findall(r"\b(?:SKYPE|DASK)_[A-Z_]+[A-Z]\b", text)}
    modules = [path for room in ("resources", "skype_assets") for path in (PROJECT / room).rglob("*.py")]
    code = "\n".join(path.read_text() for path in modules)
    setup = (PROJECT / "setup.py").read_text()
    import_module("distributed")  # has its settings among Dask's
    for name in named:
        if name.startswith("SKYPE_"):
            assert f'"{name}"' in code + setup, name
        else:
            dask.config.get(name.removeprefix("DASK_").lower().replace("__", "."))  # else a KeyError
    assert {"SKYPE_BROKER_URL", "SKYPE_EXECUTOR", "SKYPE_OUTPUT_URL"} <= named


@pytest.mark.parametrize("command", _commands(), ids=lambda command: " ".join(command)[:60])
def test_every_command_is_there_with_its_options(command: list[str]) -> None:
    program, *arguments = [word.removeprefix(INSTALLED) for word in command]
    here = Path(sys.prefix, "bin", program)
    assert here.is_file(), program
    modules = [word for word in arguments if word.startswith("skype_assets.")]
    if program == "celery":
        assert modules == ["skype_assets.instance.celery_worker"]
        arguments = arguments[2:]
    elif modules and modules != ["skype_assets.definitions"]:
        assert import_module(modules[0]).main
    words = [word for word in arguments if re.fullmatch("[a-z-]+", word) and not word.startswith("-")][:2]
    subcommands = {"dask": 1, "celery": 1, "dagster": 2, "dagster-daemon": 1, "python": 0}[program]
    if program == "python":
        asked = [str(here), "-m", modules[0], "--help"]
    else:
        asked = [str(here), *words[:subcommands], "--help"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    options = [word for word in arguments if word.startswith("--")]
    assert [option for option in options if option not in told] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    assert "User=skype" in text
    assert "EnvironmentFile=/etc/skype-assets/environment" in text
    if shutil.which("systemd-analyze") is None:
        return
    here = tmp_path / unit.name
    here.write_text(text.replace(INSTALLED, f"{sys.prefix}/bin/"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True, check=False
    )
    assert [line for line in checked.stderr.splitlines() if unit.name in line] == []


def test_the_instance_of_several_machines_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres_url)
    monkeypatch.setenv("SKYPE_BROKER_URL", "redis://127.0.0.1:1/0")
    shutil.copy(DEPLOY / "dagster.yaml", tmp_path)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_launcher, AskingRunLauncher)
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_resume_run_attempts == 0


def test_the_instance_in_kubernetes_differs_in_what_runs_are_there() -> None:
    (held,) = [kind["data"] for kind in KUBERNETES if kind["kind"] == "ConfigMap"]
    instance: dict[str, Any] = yaml.safe_load(held["dagster.yaml"])
    ours: dict[str, Any] = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    assert instance["storage"] == ours["storage"]
    assert instance["run_retries"] == ours["run_retries"]
    limits, our_limits = (held["concurrency"]["runs"]["tag_concurrency_limits"] for held in (instance, ours))
    assert limits == our_limits
    names = {(kind["kind"], kind["metadata"]["name"]) for kind in KUBERNETES}
    launcher = instance["run_launcher"]["config"]
    assert ("ConfigMap", launcher["instance_config_map"]) in names
    assert ("ServiceAccount", launcher["service_account_name"]) in names


def test_the_image_is_made_of_what_is_in_the_repository() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split() for line in lines if line and not line.startswith("#")]
    assert {step[0] for step in steps} == {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER"}
    copied = [name for step in steps if step[0] == "COPY" and "--from" not in step[1] for name in step[1:-1]]
    assert [name for name in copied if not (PROJECT / name).exists()] == []
    assert {"io_managers", "resources", "skype_assets"} <= set(copied)
