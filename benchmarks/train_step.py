"""`python -m benchmarks.train_step`: a training iteration of each model, beside PyTorch's, the tutorial's and the machine's best.

Each variant runs in a process of its own, all alive at once and timed in turn, round by round, so that a slow moment of the
machine meets all of them; ratios are taken within a round. All of that several times over with new processes, for one of a
program's processes can be slower than the next. tfgan: `train_op` with its own pipeline and noise. written: the tutorial's loop
(two runs, batches and noise fed) on TensorFlow's default settings. torch: PyTorch on a ready batch, in several settings (see
`torch_models`), of which the fastest counts. sgemm: the product of two 2048 x 2048 matrices, NumPy's or TensorFlow's, whichever
is faster.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import timeit

import numpy as np

MODELS = ("vanilla", "mlp", "dcgan28", "dcgan64", "dogs")
GOALS = {  # model: of each of the ratios, in their order; the last two are those of bfloat16
    "vanilla": (1.8, 1.5, None, None, None), "mlp": (1.4, None, None, 1.3, None), "dcgan28": (1.5, 2.5, 0.85, 1.9, 1.4),
    "dcgan64": (1.4, 2.0, 0.85, 1.8, 1.4), "dogs": (2.0, 2.0, 0.85, 1.8, 1.4),
}  # fmt: skip
_SGEMM = 2048

# With these no variant finds more than AVX2, as on many laptops; TensorFlow's default is then not to use oneDNN.
_AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
_AVX2_WRITTEN = {**_AVX2, "TF_ENABLE_ONEDNN_OPTS": "0"}
_ROUND_S = 2.0  # seconds that a variant has in a round, or one iteration

# Multiplications and additions of one image's forward pass, by hand from the tutorials' layers: G's, D's, and of each the
# first layer's, whose gradient with respect to its input is not needed where that is z or a real image.
_FORWARD = {
    "vanilla": (100 * 128 + 128 * 784, 784 * 128 + 128, 100 * 128, 784 * 128),
    "mlp": (96 * 1024 + 1024 * 1024 + 1024 * 784, 784 * 256 + 256 * 256 + 256, 96 * 1024, 784 * 256),
    "dcgan28": (
        100 * 8192 + 4 * 4 * 16 * 512 * 256 + 7 * 7 * 9 * 256 * 128 + 14 * 14 * 9 * 128 * 1,
        14 * 14 * 25 * 1 * 128 + 7 * 7 * 25 * 128 * 256 + 4 * 4 * 25 * 256 * 512 + 8192,
        100 * 8192,
        14 * 14 * 25 * 1 * 128,
    ),
    "dcgan64": (
        16 * (100 * 1024 + 16 * 1024 * 512 + 64 * 512 * 256 + 256 * 256 * 128 + 1024 * 128 * 3),
        16 * (1024 * 3 * 128 + 256 * 128 * 256 + 64 * 256 * 512 + 16 * 512 * 1024 + 1024),
        16 * 100 * 1024,
        16 * 1024 * 3 * 128,
    ),
    "dogs": (
        1000 * 1024 + 1024 * 8192 + 32 * 32 * 25 * 128 * 64 + 64 * 64 * 25 * 64 * 3,
        64 * 64 * 25 * 3 * 64 + 28 * 28 * 25 * 64 * 128 + 25088 * 1024 + 1024,
        1000 * 1024,
        64 * 64 * 25 * 3 * 64,
    ),
}


def gigaflops(model, batch):
    """Of one iteration, as the tutorial computes it; up-sampled convolutions at full size."""
    g, d, g_first, d_first = _FORWARD[model]
    g_runs = 2 if model in ("vanilla", "dogs") else 1  # fresh noise for G's update
    of_d = 2 * (d + d + (d - d_first))  # real and fake: forward, weights' gradients, inputs' gradients
    of_g = d + d + g + (g - g_first)  # D forward and its inputs' gradients; G's two gradients
    return 2e-9 * batch * (of_d + of_g + g_runs * g)


def _fastest_product():
    from tfgan.tf1 import tf

    a, b = np.random.default_rng(0).random((2, _SGEMM, _SGEMM), dtype=np.float32)
    with tf.Graph().as_default():
        product = tf.matmul(tf.Variable(a), tf.Variable(b)).op
        session = tf.Session()
        session.run(tf.global_variables_initializer())
        products = [lambda: a @ b, session.make_callable(product)]
    return min(products, key=lambda run: min(timeit.repeat(run, number=1, repeat=5)))


def make_step(variant, model, batch):
    """A function that runs one iteration of that variant; for sgemm one product."""
    if variant == "sgemm":
        return _fastest_product()
    if variant.startswith("torch"):
        from benchmarks import torch_models

        return torch_models.make_step(model, batch, variant.split()[1:])
    if variant == "written":
        import tensorflow  # noqa: F401  before tfgan, whose settings it then does not have
    import tfgan
    from tfgan.datasets.batches import Batches
    from tfgan.datasets.pipeline import Pipeline
    from tfgan.graph import layers
    from tfgan.graph import losses
    from tfgan.graph import optimizers
    from tfgan.graph import precision
    from tfgan.graph.fast import products
    from tfgan.tf1 import tf
    from tfgan.training import steps
    from tfgan.training.session import session_config

    def repeated_conv2d(x, factor, filters, kernel_size):
        size = [side * factor for side in x.shape[1:3]]
        return layers.conv2d(tf.image.resize(x, size, tf.image.ResizeMethod.NEAREST_NEIGHBOR), filters, kernel_size)

    def cross_entropy(logits, label):
        labels = tf.fill(tf.shape(logits), label)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))

    if variant == "written":  # the tutorials' own operations, where ours are others of the same result
        layers.up_sample_conv2d = repeated_conv2d
        layers.leaky_relu = lambda x: tf.maximum(0.2 * x, x)
        losses.bce = cross_entropy
        optimizers._GATE = tf.train.Optimizer.GATE_OP
    recipe = tfgan.recipe(model).replace(batch_size=batch, subset=None)
    images = np.random.default_rng(0).integers(0, 256, (4096, *recipe.image_shape), dtype=np.uint8)
    batches = Batches(images, recipe, 0)
    number_format = next((word for word in variant.split() if word in precision.FORMATS), "float32")
    plain = products.native() if variant == "written" else contextlib.nullcontext()
    with tf.Graph().as_default() as graph, plain:
        gan = tfgan.build(recipe, 0, Pipeline(batches, recipe), number_format)
        step, _ = steps.as_written(gan, {}, recipe, batches, 0) if variant == "written" else steps.fused(gan, {})
        ours = session_config(recipe, "xla" in variant, number_format == "float16")
        session = tf.Session(graph=graph, config=None if variant == "written" else ours)
        session.run(tf.global_variables_initializer())
    iterations = iter(range(10**9))
    return lambda: step(session, next(iterations))


def work(variant, model, batch):
    """A variant's process: for each number on stdin that many iterations; prints their seconds and the peak memory in GB."""
    step = make_step(variant, model, batch)
    for line in sys.stdin:
        begin = time.perf_counter()
        for _ in range(int(line)):
            step()
        seconds = time.perf_counter() - begin
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6]), flush=True)


class Worker:
    """A variant's process, seen from outside."""

    def __init__(self, variant, model, batch, avx2):
        environment = os.environ | ((_AVX2_WRITTEN if variant == "written" else _AVX2) if avx2 else {})
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.train_step", "--work", variant, model, str(batch)]
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  it lives as long as the process
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._said}
        self._process = subprocess.Popen(command, text=True, env=environment, **pipes)
        self.memory = 0.0
        self.run(2)  # warms up, and compiles
        self._count = max(1, round(_ROUND_S / self.run(1)))

    def run(self, count=None):
        """Seconds an iteration, over so many, or a round's."""
        count = count or self._count
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            self._said.seek(0)
            raise RuntimeError(self._said.read())
        seconds, self.memory = json.loads(line)
        return seconds / count

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def variants(model, formats):
    """The variants that are timed for that model. formats: whether tfgan's for GPUs are, too, and whether those in bfloat16."""
    gpu, bfloat16 = formats
    if model in ("vanilla", "mlp"):  # their products are small: a thread may be better than two, and Python's share counts
        torch = ("torch", "torch fused", "torch fused single", "torch fused compiled")
    else:  # on convolutions compiling gains nothing, and one thread takes nearly twice as long
        torch = ("torch", "torch fused", "torch fused channels_last")
    more = ("tfgan xla", "tfgan float16") if gpu else ()
    more += ("tfgan bfloat16", *(f"{variant} bfloat16" for variant in torch if "fused" in variant)) if bfloat16 else ()
    return ("sgemm", "tfgan", "written", *torch, *more)


def measure(model, batch, processes, rounds, formats, avx2):
    """Times all variants in turn, in so many processes one after the other; a dict of the results. formats: of `variants`."""
    seconds = {variant: [] for variant in variants(model, formats)}
    memory = dict.fromkeys(seconds, 0.0)
    for _ in range(processes):
        workers = {variant: Worker(variant, model, batch, avx2) for variant in seconds}
        for _ in range(rounds):
            for variant, worker in workers.items():
                seconds[variant].append(worker.run())
        for variant, worker in workers.items():
            memory[variant] = max(memory[variant], worker.memory)
            worker.close()

    def ratio(slow, fast):
        return [a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)]

    pytorch = [v for v in sorted(seconds, key=lambda v: statistics.median(seconds[v])) if v.startswith("torch")]
    torch = next(v for v in pytorch if "bfloat16" not in v)
    work_done = gigaflops(model, batch)
    ratios = {
        "to PyTorch's best": ratio(torch, "tfgan"),
        "to the tutorial as written": ratio("written", "tfgan"),
        "of sgemm": [work_done / (2e-9 * _SGEMM**3) * each for each in ratio("sgemm", "tfgan")],
    }
    if "tfgan bfloat16" in seconds:
        of_pytorch = next(v for v in pytorch if "bfloat16" in v)
        ratios |= {"bfloat16 to float32": ratio("tfgan", "tfgan bfloat16")}
        ratios |= {"bfloat16 to PyTorch's best in it": ratio(of_pytorch, "tfgan bfloat16")}
    facts = {"model": model, "batch": batch, "gflop": work_done, "torch": torch}
    return {**facts, "seconds": seconds, "memory": memory, "ratios": ratios}


def show(result):
    """Prints one model's results."""
    batch = result["batch"]
    print(f"\n{result['model']}, batch {batch}, {result['gflop']:.3g} GFLOP an iteration")
    for variant, seconds in result["seconds"].items():
        if variant == "sgemm":
            print(f"  {variant:<28}{2e-9 * _SGEMM**3 / statistics.median(seconds):>38.0f} GFLOP/s")
            continue
        s = statistics.median(seconds)
        print(
            f"  {variant:<28}{1 / s:>8.4g} it/s{batch / s:>10.4g} images/s{result['gflop'] / s:>8.4g} GFLOP/s"
            f"{result['memory'][variant]:>8.2f} GB"
        )
    for (name, values), goal in zip(result["ratios"].items(), GOALS[result["model"]], strict=False):
        goal = f"goal {goal}" if goal and batch != 16 else ""
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"  tfgan {name:<32}{middle:>6.2f}  ({low:.2f} to {high:.2f})  {goal}", flush=True)


def plot(results, path):
    """Bars of images/s of each model and variant, PyTorch's best being 1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    names = ("written", "torch", "tfgan")
    for place, name in enumerate(names):
        heights = []
        for r in results:
            mine, best = (r["seconds"][v] for v in (r["torch"] if name == "torch" else name, r["torch"]))
            heights.append(statistics.median(b / a for a, b in zip(mine, best, strict=True)))  # within a round, as printed
        label = {"written": "tutorial as written", "torch": "PyTorch, its best", "tfgan": "tfgan"}[name]
        bars = axes.bar(np.arange(len(results)) + 0.27 * (place - 1), heights, 0.25, label=label)
        axes.bar_label(bars, fmt="%.2f", fontsize=8)
    axes.set_xticks(range(len(results)), [f"{r['model']}\nbatch {r['batch']}" for r in results])
    axes.set(ylabel="speed, PyTorch = 1")
    axes.margins(y=0.2)  # room for the legend
    axes.legend(loc="upper center", ncols=3)
    figure.savefig(path, dpi=120)


def main():
    """Measures and prints, and writes a JSON and a plot."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    p.add_argument("--processes", type=int, default=3, help="of each variant, one after the other; default 3")
    p.add_argument("--rounds", type=int, default=3, help="in each of them; default 3")
    p.add_argument("--batch", type=int, help="default: the tutorial's own")
    p.add_argument("--gpu", action="store_true", help="tfgan with --xla and --mixed-precision, too; PyTorch stays on the CPU")
    p.add_argument("--bfloat16", action="store_true", help="tfgan with --mixed-precision, and PyTorch's autocast, on a CPU, too")
    p.add_argument("--avx2", action="store_true", help="hide AVX-512 from all variants; where there is none this changes nothing")
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/benchmark"), help="of the .json and the .png")
    p.add_argument("--work", nargs=3, help=argparse.SUPPRESS)  # a variant's process, of this program's own
    options = p.parse_args()
    if options.work:
        variant, model, batch = options.work
        work(variant, model, int(batch))
        return
    results, formats = [], (options.gpu, options.bfloat16)
    for model in options.models:
        batch = options.batch or {"vanilla": 128, "mlp": 128}.get(model, 64)
        results.append(measure(model, batch, options.processes, options.rounds, formats, options.avx2))
        show(results[-1])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(results, indent=1))
    plot(results, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
