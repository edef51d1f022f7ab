"""What pip makes of the repository: an editable install, and what `python -m build` makes: a source distribution and a wheel."""

import importlib.metadata
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import venv
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.serving import serving

ROOT = pathlib.Path(__file__).parent.parent
FROM_ABOVE = "import tfgan; print(tfgan.__file__, tfgan.find_run.__name__)"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone named `tfgan`. Skips where pip and setuptools cannot install it without a network."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not installed here")
    needed = re.search(r"setuptools>=(\d+)", (ROOT / "pyproject.toml").read_text())[1]
    has = importlib.metadata.version("setuptools")
    if int(has.split(".")[0]) < int(needed):
        pytest.skip(f"setuptools {has} is installed here, and pyproject.toml requires {needed}")
    clone = tmp_path_factory.mktemp("above") / "tfgan"
    unneeded = shutil.ignore_patterns(".*", "__pycache__", "data", "logs", "out", "build", "dist", "*.egg-info")
    shutil.copytree(ROOT, clone, ignore=lambda place, names: unneeded(place, names) if pathlib.Path(place) == ROOT else [])
    return clone


@pytest.fixture
def folder(clone, tmp_path):
    """A folder with `venv`: an environment that sees this one's packages, but for tfgan."""
    venv.create(tmp_path / "venv", symlinks=True)
    here = [place for place in sys.path if place.endswith("-packages")]
    packages_of(tmp_path).joinpath("here.pth").write_text("".join(f"{place}\n" for place in here))
    return tmp_path


@pytest.fixture(scope="module")
def distributions(clone):
    """(the source distribution, the wheel), by `python -m build`, which makes the wheel of the source distribution.

    Without isolation: pip would fetch setuptools, which is here.
    """
    pytest.importorskip("build", reason="the package build is not installed here")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", clone.parent / "dist", clone]
    result = subprocess.run(command, cwd=clone.parent, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (archive,), (wheel,) = (list((clone.parent / "dist").glob(kind)) for kind in ("tfgan-*.tar.gz", "tfgan-*.whl"))
    return archive, wheel


def packages_of(folder):
    """The environment's site-packages."""
    return pathlib.Path(sysconfig.get_path("purelib", "venv", {"base": str(folder / "venv")}))


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


def files_of_the_package():
    """Every file of the repository's package."""
    paths = [path for path in (ROOT / "tfgan").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(paths) > 150
    return {path.relative_to(ROOT).as_posix() for path in paths}


def link_what_is_required(folder, wheel):
    """Links the installed packages that the wheel requires, for `explore`, too, those that they require, and pip. No others."""
    about = importlib.metadata.PathDistribution(zipfile.Path(wheel, f"{'-'.join(wheel.name.split('-')[:2])}.dist-info/"))
    waiting, known = [(about, frozenset({"explore"}))], set()
    while waiting:
        package, extras = waiting.pop()
        for requirement in map(Requirement, package.requires or ()):
            key = canonicalize_name(requirement.name), frozenset(requirement.extras)
            wanted = requirement.marker is None or any(requirement.marker.evaluate({"extra": each}) for each in {"", *extras})
            if wanted and key not in known:
                known.add(key)
                waiting.append((importlib.metadata.distribution(requirement.name), key[1]))
    owners = importlib.metadata.packages_distributions()
    for name in {"pip"}.union(name for name, _ in known):
        package = importlib.metadata.distribution(name)
        own = [file for file in package.files if ".." not in file.parts and "__pycache__" not in file.parts[0]]
        for part in {file if len(set(owners.get(file.parts[0], ()))) > 1 else type(file)(file.parts[0]) for file in own}:
            place = packages_of(folder) / part
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(package.locate_file(part))


def test_an_editable_clone_named_tfgan_works_from_the_folder_above(clone, folder):
    """There Python finds the clone itself first, a folder without __init__.py."""
    shutil.copytree(clone, folder / "tfgan")
    install(folder, "-e", "tfgan")
    assert python(folder, "-c", FROM_ABOVE) == f"{folder / 'tfgan' / 'tfgan' / '__init__.py'} find_run\n"
    assert python(folder, "-m", "tfgan.train", "--help").startswith("usage: tfgan.train")


@pytest.mark.slow
def test_a_source_distribution_is_whole(folder, distributions):
    """It has every file of the package and of the documentation, and no half of the tests. It installs."""
    archive, _ = distributions
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
        opened.extractall(folder, filter="data")
    files = files_of_the_package()
    guides = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.*") if "__pycache__" not in path.parts}
    assert len(guides) > 80
    assert files | guides | {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "NOTICE"} <= names
    assert not [name for name in names if name.startswith("tests")]
    install(folder, archive)
    where, name = python(folder, "-c", FROM_ABOVE).split()
    assert (pathlib.Path(where).parts[-3:], name) == (("site-packages", "tfgan", "__init__.py"), "find_run")
    assert {path for path in files if not (pathlib.Path(where).parent.parent / path).is_file()} == set()


@pytest.mark.slow
def test_an_index_takes_what_is_built(distributions):
    """`twine check --strict`, the terms, and what the wheel holds: the package, and nothing beside it."""
    pytest.importorskip("twine", reason="the package twine is not installed here")
    command = [sys.executable, "-m", "twine", "check", "--strict", *distributions]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with zipfile.ZipFile(distributions[1]) as wheel:
        names = set(wheel.namelist())
        [about] = [name.partition("/")[0] for name in names if name.endswith("/METADATA")]
        text = wheel.read(f"{about}/METADATA").decode()
    assert {name for name in names if not name.startswith(f"{about}/")} == files_of_the_package()
    assert {f"{about}/licenses/LICENSE", f"{about}/licenses/NOTICE"} <= names
    assert "\nLicense-Expression: Apache-2.0 AND CC-BY-4.0 AND CC-BY-SA-3.0\n" in text
    assert not re.findall(r"\]\((?!https?:)", text), "a relative link leads nowhere outside of the repository"


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_of_its_own_requirements(tmp_path, distributions):
    """It has what setup.cfg says that tfgan and its extra `explore` require, and nothing else. pip finds nothing missing."""
    folder = tmp_path
    venv.create(folder / "venv", symlinks=True)
    link_what_is_required(folder, distributions[1])
    python(folder, "-m", "pip", "install", "--no-index", "--find-links", distributions[1].parent, "tfgan[explore]")
    assert python(folder, "-c", FROM_ABOVE) == f"{packages_of(folder) / 'tfgan' / '__init__.py'} find_run\n"
    assert python(folder, "-c", "import importlib.util as util; print(util.find_spec('pytest'))") == "None\n"
    python(folder, "-m", "tfgan.sample", "--pretrained", "mnist")
    assert "Finished 20 iterations" in python(folder, "-m", "tfgan.train", "--iterations", "20")
    pictures = {path.name for path in (folder / "out").iterdir()}
    assert {"pretrained-mnist-sample.png", "mlp-digits-000020.png", "mlp-digits.gif"} <= pictures
    explore = [folder / "venv" / "bin" / "python", "-I", "-m", "tfgan.explore", "--run", "mlp-digits", "--no-browser"]
    with serving(explore, folder / "explore.log", cwd=folder) as page:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(page.address, timeout=60) as answer:
            assert (answer.status, "mlp-digits" in answer.read().decode()) == (200, True)
        os.kill(page.process.pid, signal.SIGINT)
        assert page.process.wait(60) == 130
    assert "Traceback" not in (folder / "explore.log").read_text()
