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

# Each room may import from the rooms above it in this list, and from those beside it on its own line.
FLOORS = [
    {"signals", "output"},
    {"errors", "tf1", "tfgan", "files", "environment", "cadence", "collector", "datasets.sources", "cluster"},
    {"quality", "quality.metrics", "quality.alarms", "products"},
    {"noise", "losses", "spectral", "images", "convolutions", "quality.similarity"},
    {"penalties", "augment"},
    {"datasets.download", "datasets.decode", "datasets.pack", "datasets.pictures", "datasets.batches", "datasets.shards"},
    {"datasets", "datasets.digits", "datasets.mnist", "datasets.celeba", "datasets.dogs", "datasets.own"},
    {"initializers", "datasets.pipeline", "replicas"},
    {"recipes", "scope", "normalization", "layers"},
    {"models", "models.vanilla", "models.mlp", "models.dcgan28", "models.dcgan64", "models.dogs", "models.compact"},
    {"saved", "passes", "quality.classifier", "quality.features"},
    {"quality.evaluation", "quality.watch"},
    {"gan", "steps", "rundir", "checkpoints", "guards", "warm_start"},
    {"latents", "sinks", "view.film", "view.figures", "view.page"},
    {"view", "view.gallery", "summaries", "projector", "inference", "pictures"},
    {"peers"},
    {"distribute"},
    {"loop"},
    {"follow", "options"},
    {"train", "launch", "sample", "evaluate", "report", "runs", "export", "datasets.__main__"},
]  # fmt: skip
WITHOUT_TENSORFLOW = (
    "cadence", "collector", "environment", "errors", "files", "images", "output", "recipes", "rundir", "saved", "signals",
    "tfgan", "datasets", "latents", "sinks", "view", "cluster", "options", "launch", "train", "sample", "evaluate", "report",
    "runs", "export",
)  # fmt: skip


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
    assert [name_of(p) for p in FILES if "MirroredStrategy" in p.read_text()] == ["distribute"]


def test_imports_run_downward():
    floor = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
    assert sorted(floor) == sorted(name_of(p) for p in FILES), "every file stands in the plan, and no other"
    for path in FILES:
        for imported in imports_of(path, top_level_only=True):
            if imported.startswith("tfgan."):
                room = imported.removeprefix("tfgan.")
                while room not in floor:
                    room = room.rpartition(".")[0] or "tfgan"
                assert floor[room] <= floor[name_of(path)], f"{name_of(path)} imports {imported} from a floor above"


def test_files_are_short():
    for path in [*FILES, *pathlib.Path(__file__).parent.glob("*.py")]:
        assert len(path.read_text().splitlines()) <= 320, f"{path} is two rooms: split it"


def python(code, **environment):
    """Runs code in a Python of its own; its stdout and stderr."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean | environment, check=True)
    return result.stdout + result.stderr


def test_what_needs_no_tensorflow_does_not_import_it():
    rooms = [name_of(p) for p in FILES if name_of(p).split(".")[0] in WITHOUT_TENSORFLOW]
    rooms = [room for room in rooms if room not in ("datasets.pipeline", "datasets.__main__")]
    modules = [f"tfgan.{room}".removesuffix(".tfgan") for room in rooms]
    assert python(f"import sys, {', '.join(modules)}; print('tensorflow' in sys.modules)") == "False\n"


@pytest.mark.parametrize("command", ["train", "launch", "sample", "report", "runs", "export", "datasets.__main__"])
def test_help_waits_for_nothing_large(command):
    code = f"import sys, tfgan.{command} as c; c.parser().format_help(); print(*sys.modules)"
    assert not {"tensorflow", "tensorboard", "matplotlib", "scipy", "sklearn", "jinja2", "requests"} & set(python(code).split())


def test_settings_before_the_import_and_quiet():
    """oneDNN is on, eager mode as it was, and importing and finding devices says nothing."""
    code = (
        "import os, tfgan.tf1 as t; t.gpus(); "
        "print(os.environ['TF_ENABLE_ONEDNN_OPTS'], t.onednn(), os.environ['TF_CPP_MIN_LOG_LEVEL'], t.tf2.executing_eagerly())"
    )
    assert python(code) == f"1 {X86} 2 True\n"


def test_keras_is_spared_and_there_for_who_asks():
    code = (
        "import sys, tfgan.tf1 as t; print('keras' in sys.modules); "
        "print(t.tf2.keras.optimizers.Adam.__name__, 'keras.src.optimizers' in sys.modules)"
    )
    assert python(code) == "False\nAdam True\n"


def test_the_users_settings_stand():
    code = "import os, tfgan.tf1 as t; print(os.environ['TF_ENABLE_ONEDNN_OPTS'], t.onednn())"
    assert python(code, TF_ENABLE_ONEDNN_OPTS="0") == "0 False\n"


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
