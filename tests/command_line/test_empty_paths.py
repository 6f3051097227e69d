"""An empty path, as an unset variable gives, is refused by every command that takes one: never the current folder."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from skype_assets.etl.command_line import skype_assets
from skype_assets.etl.command_line.options import Named
from tests.command_line.conftest import Invoke

FILLED = {"file": "export.tar", "task_id": "mine", "checkpoints": "manifest.json"}


def _parameters() -> Iterator[tuple[str, click.Parameter]]:
    for name, command in skype_assets.commands.items():
        for parameter in command.params:
            if isinstance(parameter.type, click.Path) or (name, parameter.name) == ("resume", "checkpoints"):
                yield name, parameter


def _ask(command: str, parameter: click.Parameter, text: str) -> list[str]:
    """The command with what it cannot do without, and this."""
    words = [command]
    for other in skype_assets.commands[command].params:
        if isinstance(other, click.Argument) and other is not parameter and other.name in FILLED:
            words.append(FILLED[other.name])
    return [*words, *([parameter.opts[0]] if isinstance(parameter, click.Option) else []), text]


PARAMETERS = {f"{name} {parameter.opts[0]}": (name, parameter) for name, parameter in _parameters()}


def test_all_paths_are_of_one_kind() -> None:
    assert {"run file", "run --output-dir", "verify --report", "unload --checkpoints", "init folder"} <= set(PARAMETERS)
    for _, parameter in PARAMETERS.values():
        assert isinstance(parameter.type, Named) or parameter.name == "checkpoints"


@pytest.mark.parametrize("text", ["", " "])
@pytest.mark.parametrize(("command", "parameter"), PARAMETERS.values(), ids=PARAMETERS.keys())
def test_an_empty_path_is_not_the_current_folder(
    command: str, parameter: click.Parameter, text: str, invoke: Invoke, workplace: Path
) -> None:
    refused = invoke(*_ask(command, parameter, text))
    assert refused.exit_code == 2, refused.output
    assert "is named: its path is empty. For the current folder, write .\n" in refused.stderr
    assert list(workplace.iterdir()) == []
