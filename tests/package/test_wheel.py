"""A wheel is what others install: beside their own packages, and far from any checkout.

The environment has nothing of ours but the wheel. What it needs otherwise it finds in the environment of the tests,
so that no package is downloaded; that one's editable install is not among it.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from skype_assets.etl.database.session import Session
from skype_assets.etl.sample import write_sample
from tests.dagster.live import Dev, dev

ROOT = Path(__file__).parents[2]
ROOMS = ("resources", "io_managers")
SOURCES = ("skype_assets", *ROOMS, "pyproject.toml", "setup.py", "README.md", "LICENSE")

BUILD = """
import sys
import setuptools.build_meta as backend
print(getattr(backend, sys.argv[1])(sys.argv[2]))
"""

# What a project of somebody else has beside ours: packages of the same names, and a code location that uses them.
THEIRS = {
    "resources/__init__.py": "OWNER = 'another project'\n",
    "io_managers/__init__.py": "OWNER = 'another project'\n",
    "theirs.py": (
        "import dagster as dg\n"
        "import io_managers, resources\n\n"
        "@dg.asset(name=f'made_by_{resources.OWNER}_{io_managers.OWNER}'.replace(' ', '_'))\n"
        "def theirs() -> None: ...\n\n"
        "defs = dg.Definitions(assets=[theirs])\n"
    ),
}

LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  locationOrLoadError { __typename ... on RepositoryLocation { repositories { assetNodes { assetKey { path } } } }
  ... on PythonError { message } } } } } }"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist of the checkout, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "checkout").mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "checkout" / name, symlinks=True, ignore=_what_is_made)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / "checkout")
    sdist = folder / build(folder / "checkout", "build_sdist")
    subprocess.run(["tar", "-xf", sdist, "-C", folder], check=True)
    build(folder / sdist.name.removesuffix(".tar.gz"), "build_wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    [found] = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, and with another project's packages of the same names."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    venv.create(environment, symlinks=True)
    interpreter = environment / "bin" / "python"
    [site_packages] = environment.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", f"--python={interpreter}", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, wheel], check=True)
    put(site_packages, THEIRS)
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return interpreter


@pytest.fixture
def project(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that is no checkout, with packages of our names."""
    for name in [name for name in os.environ if name.startswith(("DAGSTER_", "PYTHON", "SKYPE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SKYPE_DATABASE_URL", postgres_url)
    folder = tmp_path / "another"
    put(folder, THEIRS)
    return folder


def build(checkout: Path, what: str) -> str:
    """Build the sdist or the wheel into the folder around a source tree, without the compiled reader; its name."""
    command = [sys.executable, "-c", BUILD, what, checkout.parent]
    without_compiler = {**os.environ, "CC": "false", "CXX": "false"}
    done = subprocess.run(command, cwd=checkout, env=without_compiler, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def put(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def assets(running: Dev) -> Iterator[set[str]]:
    """The assets of each code location, when all have been loaded."""
    for entry in running.query(LOCATIONS)["workspaceOrError"]["locationEntries"]:
        location = entry["locationOrLoadError"]
        assert location["__typename"] == "RepositoryLocation", location
        nodes = [node for repository in location["repositories"] for node in repository["assetNodes"]]
        yield {node["assetKey"]["path"][-1] for node in nodes}


def test_a_wheel_puts_nothing_but_its_own_name_into_site_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"skype_assets"}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "skype_assets").rglob("*.py")}
    modules |= {f"skype_assets/{room}/{path.name}" for room in ROOMS for path in (ROOT / room).glob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    assert {"skype_assets/py.typed", "skype_assets/etl/compiled/_compiled.pyi"} <= set(names)
    pages = ROOT / "skype_assets" / "etl" / "pages"
    shown = {
        path.relative_to(ROOT).as_posix() for path in pages.rglob("*.*") if path.suffix in (".html", ".css", ".js")
    }
    assert shown <= set(names)


def test_the_installed_commands_work_beside_packages_of_the_same_names(
    python: Path, project: Path, postgres_url: str
) -> None:
    write_sample(project / "ann.tar", messages=300, seed=7)
    ran = subprocess.run(
        [python.with_name("skype-assets"), "run", "ann.tar"], cwd=project, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    with Session(postgres_url) as session:
        assert session.rows("SELECT messages_seen, status FROM skype.exports") == [(300, "complete")]
    code = "import skype_assets.resources, resources, sys; print(skype_assets.resources.__file__, resources.__file__)"
    for command in ([python, "-c", code], [python, "-P", "-c", code]):
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
        ours, theirs = map(Path, done.stdout.split())
        assert ours.is_relative_to(python.parents[1])
        assert (project if "-P" not in command else python.parents[1]) in theirs.parents


def test_the_web_ui_of_an_installation_needs_no_file_of_a_checkout(python: Path, project: Path) -> None:
    command = [python.with_name("skype-assets"), "dev"]
    with dev(project, {"SKYPE_INBOX": "off"}, command) as running:
        assert list(assets(running)) == [{"raw_export", "transformed_tables", "loaded_database"}]


def test_dagster_loads_both_projects_side_by_side(python: Path, project: Path) -> None:
    command = [python, "-m", "dagster", "dev", "-m", "skype_assets.definitions", "-m", "theirs"]
    with dev(project, {}, command) as running:
        assert sorted(map(sorted, assets(running))) == [
            ["loaded_database", "raw_export", "transformed_tables"],
            ["made_by_another_project_another_project"],
        ]


def _what_is_made(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__" or name.endswith(".so")]
