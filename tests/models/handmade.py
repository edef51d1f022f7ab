"""Runs written by hand: a test chooses their variables, and NumPy can compute their images."""

import json

import numpy as np

from tfgan.graph import networks
from tfgan.runs import read
from tfgan.runs.checkpoints import Checkpoints
from tfgan.tf1 import tf

_AVERAGE = "/ExponentialMovingAverage"  # as tf.train.ExponentialMovingAverage names them


def write_run(folder, recipe, states, seed=0, best=None, **config):
    """Writes a run into that folder, with a checkpoint for each of the states, and returns its `read.SavedRun`.

    states: {iteration: {variable's name: array}}. best: the iteration that --keep-best would have kept. config: further fields of
    config.json.
    """
    (folder / "checkpoints").mkdir(parents=True)
    fields = {"recipe": recipe.to_dict(), "seed": seed, "images": 1797, "environment": {}, **config}
    (folder / "config.json").write_text(json.dumps(fields))
    for iteration, values in states.items():
        with tf.Graph().as_default(), tf.Session() as session:
            for name, value in values.items():
                tf.get_variable(name, initializer=np.float32(value), use_resource=True)
            session.run(tf.global_variables_initializer())
            Checkpoints(folder / "checkpoints", keep=len(states)).save(session, iteration)
    if best is not None:
        line = {"iteration": best, "metric": "recall", "value": 0.5}
        (folder / "checkpoints" / "best.json").write_text(json.dumps(line))
    return read.read_run(folder)


def vanilla_state(rng, z_dim, pixels):
    """Random values for vanilla's variables: G's, their moving averages, which are far from them, and D's.

    pixels: [128, h * w], from 0 to 1: the patterns that the averaged G adds up to images.
    """
    values = {}
    logits = np.log((0.02 + pixels) / (1.02 - pixels))
    for suffix, sign in ((_AVERAGE, 1), ("", -1)):
        ways = rng.normal(size=(z_dim, len(pixels)))
        values[f"generator/dense/kernel{suffix}"] = 4 * ways / np.linalg.norm(ways, axis=0)
        values[f"generator/dense/bias{suffix}"] = np.full(len(pixels), -3.0)
        values[f"generator/dense_1/kernel{suffix}"] = sign * logits
        values[f"generator/dense_1/bias{suffix}"] = rng.normal(size=pixels.shape[1]) / 10
    for layer, shape in (("dense", (pixels.shape[1], 128)), ("dense_1", (128, 1))):
        values[f"discriminator/{layer}/kernel"] = rng.normal(size=shape) / 5
        values[f"discriminator/{layer}/bias"] = rng.normal(size=shape[1])
        values[f"discriminator/{layer}/u"] = rng.normal(size=shape[1])
    return {name: value.astype(np.float32) for name, value in values.items()}


def vanilla_images(values, z, averaged):
    """What vanilla's G makes of z: [N, h * w] from 0 to 1. averaged: with the moving averages of its variables."""
    suffix = _AVERAGE if averaged else ""
    names = ("dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias")
    kernel, bias, kernel_1, bias_1 = (values[f"generator/{name}{suffix}"].astype(float) for name in names)
    return 1 / (1 + np.exp(-(np.maximum(z @ kernel + bias, 0) @ kernel_1 + bias_1)))


def vanilla_logits(values, x, spectral):
    """vanilla's D: images [N, h * w] -> logits [N]. spectral: with its kernels divided by their estimated norms."""
    for layer in ("dense", "dense_1"):
        kernel, u = (values[f"discriminator/{layer}/{name}"].astype(float) for name in ("kernel", "u"))
        if spectral:
            v = kernel @ u / np.linalg.norm(kernel @ u)
            kernel = kernel / np.linalg.norm(v @ kernel)  # v' W u, u being W' v of length 1
        x = (np.maximum(x, 0) if layer == "dense_1" else x) @ kernel + values[f"discriminator/{layer}/bias"]
    return x[:, 0]


def random_state(recipe, seed=0):
    """Random values for all variables that a `Sampler` reads: images that differ from one another."""
    with tf.Graph().as_default():
        found = networks.inference(recipe, seed)
        shapes = {v.op.name: v.shape.as_list() for v in (*found.g_vars, *found.d_vars)}
    rng, values = np.random.default_rng(seed), {}
    for name, shape in shapes.items():
        kind = name.removesuffix(_AVERAGE).rpartition("/")[2]
        if kind in ("gamma", "moving_variance"):
            values[name] = rng.uniform(0.5, 1.5, shape)
        elif kind == "kernel":
            inputs = shape[-1] if "transpose" in name else np.prod(shape[:-1])
            values[name] = 1.5 * rng.normal(size=shape) / inputs**0.5
        else:
            values[name] = rng.normal(size=shape) / 2
    return {name: value.astype(np.float32) for name, value in values.items()}
