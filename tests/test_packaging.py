"""What pip makes of the repository: an editable install, a source distribution, and an install of that one."""

import importlib.metadata
import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FROM_ABOVE = "import tfgan; print(tfgan.__file__, tfgan.find_run.__name__)"


@pytest.fixture
def folder(tmp_path):
    """A folder with a clone named `tfgan`, and with `venv`: an environment that sees this one's packages, but for tfgan.

    Skips where pip cannot install without a network.
    """
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not installed here")
    needed = re.search(r"setuptools>=(\d+)", (ROOT / "pyproject.toml").read_text())[1]
    has = importlib.metadata.version("setuptools")
    if int(has.split(".")[0]) < int(needed):
        pytest.skip(f"setuptools {has} is installed here, and pyproject.toml requires {needed}")
    clone = tmp_path / "tfgan"
    unneeded = shutil.ignore_patterns(".*", "__pycache__", "data", "logs", "out", "docs", "build", "dist", "*.egg-info")
    shutil.copytree(ROOT, clone, ignore=lambda place, names: unneeded(place, names) if pathlib.Path(place) == ROOT else [])
    venv.create(tmp_path / "venv", symlinks=True)
    purelib = sysconfig.get_path("purelib", "venv", {"base": str(tmp_path / "venv")})
    here = [place for place in sys.path if place.endswith("-packages")]
    pathlib.Path(purelib, "here.pth").write_text("".join(f"{place}\n" for place in here))
    return tmp_path


def python(folder, *options):
    """Runs the environment's Python in that folder: its standard output."""
    command = [folder / "venv" / "bin" / "python", *options]
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}  # no PYTHONPATH: it would lead to the tfgan that runs the tests
    result = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def install(folder, *what):
    settings = ("--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed", "--disable-pip-version-check")
    python(folder, "-m", "pip", "install", *settings, *what)


def test_an_editable_clone_named_tfgan_works_from_the_folder_above(folder):
    """There Python finds the clone itself first, a folder without __init__.py."""
    install(folder, "-e", "tfgan")
    assert python(folder, "-c", FROM_ABOVE) == f"{folder / 'tfgan' / 'tfgan' / '__init__.py'} find_run\n"
    assert python(folder, "-m", "tfgan.train", "--help").startswith("usage: tfgan.train")


@pytest.mark.slow
def test_a_source_distribution_is_whole(folder):
    """It has every file of the package, installs, and has no half of the tests."""
    python(folder, "-c", "import os, setuptools.build_meta as backend; os.chdir('tfgan'); backend.build_sdist('..')")
    (archive,) = folder.glob("tfgan-*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
        about = opened.extractfile(f"{archive.name.removesuffix('.tar.gz')}/PKG-INFO").read().decode()
    files = {path.relative_to(folder / "tfgan").as_posix() for path in (folder / "tfgan" / "tfgan").rglob("*") if path.is_file()}
    files = {name for name in files if "__pycache__" not in name}
    assert len(files) > 150
    assert files <= names
    assert not [name for name in names if name.startswith("tests")]
    assert not re.findall(r"\]\((?!https?:)", about), "a relative link leads nowhere outside of the repository"
    install(folder, archive.name)
    where, name = python(folder, "-c", FROM_ABOVE).split()
    assert (pathlib.Path(where).parts[-3:], name) == (("site-packages", "tfgan", "__init__.py"), "find_run")
    assert {path for path in files if not (pathlib.Path(where).parent.parent / path).is_file()} == set()
