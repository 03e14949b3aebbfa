"""What `pip install .` gives: the wheel, the archive of sources, and both without a checkout."""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import jobfs
from tests.house import licences

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "MANIFEST.in", "README.md", "ARCHITECTURE.md", "CHANGELOG.md",
           "requirements.lock", "jobfs", "deploy", "docs")  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout: building leaves files in it."""
    copy = tmp_path_factory.mktemp("package") / "checkout"
    copy.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "secrets")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy / name)
    (copy / "deploy/secrets").mkdir()
    (copy / "deploy/secrets/database_password").write_text("secret")
    return copy


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheel(source: Path, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)]
    run(*pip, "wheel", *offline, str(source), folder=source.parent)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    return build_wheel(checkout, checkout.parent / "wheel")


@pytest.fixture(scope="module")
def archive(checkout: Path) -> Path:
    """The archive of sources, by the same hook that `python -m build` calls."""
    hook = "import setuptools.build_meta as backend; backend.build_sdist('dist')"
    (checkout / "dist").mkdir(exist_ok=True)
    run(sys.executable, "-c", hook, folder=checkout)
    (found,) = (checkout / "dist").glob("*.tar.gz")
    return found


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return {name for name in file.namelist() if ".dist-info/" not in name}


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    package = [file for file in (ROOT / "jobfs").rglob("*") if file.is_file()]
    expected = {str(file.relative_to(ROOT)) for file in package if "__pycache__" not in file.parts}

    assert contents(wheel) == expected
    assert {"jobfs/py.typed", "jobfs/cli/sheet.html"} <= expected
    assert any("migrations/versions/0001" in name for name in expected)


def test_the_version_is_told_in_one_place(wheel: Path, archive: Path) -> None:
    assert wheel.name.startswith(f"jobfs-{jobfs.__version__}-")
    assert archive.name == f"jobfs-{jobfs.__version__}.tar.gz"
    assert jobfs.__version__ not in (ROOT / "pyproject.toml").read_text()


def test_sources_build_the_same_wheel_and_hold_no_secrets(archive: Path, wheel: Path) -> None:
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    run("tar", "--extract", "--file", archive, folder=archive.parent)

    assert {
        "deploy/install",
        "deploy/systemd/jobfs.target",
        "docs/systemd.md",
        "CHANGELOG.md",
    } <= names
    assert not [name for name in names if name.startswith("tests") or "secrets" in name]
    unpacked = archive.parent / archive.name.removesuffix(".tar.gz")
    assert contents(build_wheel(unpacked, archive.parent / "again")) == contents(wheel)


def test_a_fresh_environment_runs_what_the_wheel_brings(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are those of the tests: there may be no network."""
    fresh = tmp_path / "fresh"
    run(sys.executable, "-m", "venv", "--without-pip", str(fresh), folder=tmp_path)
    python = fresh / "bin/python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    run(*pip, "install", "--no-index", "--no-deps", str(wheel), folder=tmp_path)
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=tmp_path
    )
    (Path(packages.strip()) / "others.pth").write_text(sysconfig.get_path("purelib"))
    settings = tmp_path / "jobfs.toml"
    settings.write_text(f'[jobfs]\ndata = "{tmp_path}/data"\nmountpoint = "{tmp_path}/mnt"\n')
    program = fresh / "bin/jobfs"

    assert run(program, "--version", folder=tmp_path) == f"jobfs {jobfs.__version__}\n"
    run(program, "--config", settings, "init", folder=tmp_path)
    assert run(program, "--config", settings, "job", "list", "--json", folder=tmp_path) == "[]\n"
    where = run(python, "-c", "import jobfs; print(jobfs.__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(fresh)


def test_the_page_of_licences_is_what_the_locked_packages_say() -> None:
    """`python -m tests.house.licences` writes it."""
    assert licences.PAGE.read_text(encoding="utf-8") == licences.page()
    assert "not told" not in licences.page()
