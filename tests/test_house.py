"""The plan of the house: who may import whom, how long a file is, what is imported when."""

import ast
import os
import pathlib
import platform
import subprocess
import sys

import pytest

import tfgan

X86 = platform.machine() in ("x86_64", "AMD64")
PACKAGE = pathlib.Path(tfgan.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Each wing may import from the wings before it, and every command from all of them. `tfgan` is the version.
WINGS = [
    "tfgan", "errors", "common", "tf1", "datasets", "recipes", "graph", "models",
    "runs", "sampling", "quality", "view", "training", "distribution", "explore",
]  # fmt: skip
# what never imports TensorFlow: whole wings and commands, and single files
WITHOUT_TENSORFLOW = (
    "tfgan", "errors", "common", "datasets", "recipes", "view", "launch", "train", "sample", "evaluate", "report", "export",
    "runs", "sampling.classes", "sampling.drawing", "sampling.exports", "sampling.latents", "sampling.picture_files",
    "sampling.search", "sampling.sinks", "sampling.tasks", "explore.card", "explore.curves", "explore.folder",
    "explore.generators", "explore.history", "explore.picks", "explore.serving", "quality.cache", "quality.nearest",
    "quality.measurements", "training.options", "training.settings", "distribution.cluster", "training.devices",
)  # fmt: skip
WITH_TENSORFLOW = ("datasets.pipeline", "runs.checkpoints", "runs.events")
# what the tests of several modules of a wing are about
ACROSS_MODULES = {
    "browser", "conditional", "conditional_parity", "faults", "first_values", "fuzz", "known_files", "parity", "paths",
    "power_cuts", "printed_commands", "projected_runs", "real_data", "relativistic_parity", "step_size", "tabs",
}  # fmt: skip


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "tfgan"


def imports_of(path, top_level_only=False):
    """The modules that a file imports, dotted."""
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_tensorflow_is_imported_in_one_place():
    found = [name_of(p) for p in FILES if any(i.split(".")[0] in ("tensorflow", "keras", "tf_keras") for i in imports_of(p))]
    assert found == ["tf1"]


def test_strategies_are_named_in_one_place():
    assert [name_of(p) for p in FILES if "MirroredStrategy" in p.read_text()] == ["distribution.team"]


def test_sessions_are_those_that_notice_a_fork():
    assert [name_of(p) for p in FILES if "tf.Session(" in p.read_text()] == []


def wing_of(module):
    """The wing that a module of the package lies in, or the command that it is."""
    return module.removeprefix("tfgan").removeprefix(".").partition(".")[0] or "tfgan"


def test_imports_between_wings_run_one_way():
    commands = {path.stem for path in PACKAGE.glob("*.py")} - {*WINGS, "__init__"}
    place = {wing: n for n, wing in enumerate(WINGS)} | dict.fromkeys(commands, len(WINGS))
    for path in FILES:
        own = wing_of(name_of(path)) if path.name != "__main__.py" else "train"  # a wing's command is a command
        for imported in imports_of(path):
            if imported.split(".")[0] == "tfgan" and path != PACKAGE / "__init__.py":
                other = wing_of(imported if wing_of(imported) in place else "tfgan")
                assert other == own or place[other] < place[own], f"{name_of(path)} imports {imported} from a wing above"


def test_every_wing_says_what_it_is():
    for wing in PACKAGE.iterdir():
        if wing.is_dir() and wing.name != "__pycache__":
            assert "Begin with" in ast.get_docstring(ast.parse((wing / "__init__.py").read_text())), wing


def test_the_tests_of_a_module_are_in_the_file_of_its_name():
    """But for those of several modules at once."""
    for wing in (wing for wing in WINGS if (PACKAGE / wing).is_dir()):
        modules = {path.stem.strip("_") for path in (PACKAGE / wing).rglob("*.py")} | {wing}  # the wing itself: its __init__.py
        tested = {path.stem.removeprefix("test_") for path in (pathlib.Path(__file__).parent / wing).rglob("test_*.py")}
        assert tested - modules <= ACROSS_MODULES, wing


def test_files_are_short():
    for most, paths in ((300, FILES), (600, pathlib.Path(__file__).parent.rglob("*.py"))):
        for path in paths:
            assert len(path.read_text().splitlines()) <= most, f"{path} is two rooms: split it"


def python(code, **environment):
    """Runs code in a Python of its own; its stdout and stderr."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean | environment, check=True)
    return result.stdout + result.stderr


def test_what_needs_no_tensorflow_does_not_import_it():
    rooms = [name_of(p) for p in FILES if p.name != "__main__.py"]
    rooms = [room for room in rooms if {room, wing_of(room)} & set(WITHOUT_TENSORFLOW) and room not in WITH_TENSORFLOW]
    modules = [f"tfgan.{room}".removesuffix(".tfgan") for room in rooms]
    assert python(f"import sys, {', '.join(modules)}; print('tensorflow' in sys.modules)") == "False\n"


@pytest.mark.parametrize(
    "command", ["train", "launch", "sample", "report", "runs.__main__", "export", "datasets.__main__", "explore.__main__"]
)
def test_help_waits_for_nothing_large(command):
    code = f"import sys, tfgan.{command} as c; c.parser().format_help(); print(*sys.modules)"
    large = {"tensorflow", "tensorboard", "matplotlib", "scipy", "jinja2", "requests", "gradio"}
    assert not large & set(python(code).split())


@pytest.mark.slow
def test_settings_before_the_import_and_quiet():
    """oneDNN is on, eager mode as it was, and importing and finding devices says nothing."""
    code = (
        "import os, tfgan.tf1 as t; t.gpus(); "
        "print(os.environ['TF_ENABLE_ONEDNN_OPTS'], t.onednn(), os.environ['TF_CPP_MIN_LOG_LEVEL'], t.tf2.executing_eagerly())"
    )
    assert python(code) == f"1 {X86} 2 True\n"


@pytest.mark.slow
def test_keras_is_spared_and_there_for_who_asks():
    code = (
        "import sys, tfgan.tf1 as t; print('keras' in sys.modules); "
        "print(t.tf2.keras.optimizers.Adam.__name__, 'keras.src.optimizers' in sys.modules)"
    )
    assert python(code) == "False\nAdam True\n"


@pytest.mark.slow
def test_the_users_settings_stand():
    code = "import os, tfgan.tf1 as t; print(os.environ['TF_ENABLE_ONEDNN_OPTS'], t.onednn())"
    assert python(code, TF_ENABLE_ONEDNN_OPTS="0") == "0 False\n"


@pytest.mark.slow
@pytest.mark.parametrize(("environment", "warns"), [({}, True), ({"TF_ENABLE_ONEDNN_OPTS": "1"}, False)])
def test_a_setting_that_comes_too_late_is_told(environment, warns):
    """And not counted on."""
    said = python("import tensorflow, tfgan.tf1 as t; print(t.onednn())", **environment)
    assert ("came too late" in said, "False\n" in said) == (warns, warns or not X86)


def test_public_names():
    for name in tfgan.__all__:
        assert getattr(tfgan, name)
    with pytest.raises(AttributeError, match="nothing"):
        tfgan.nothing  # noqa: B018
