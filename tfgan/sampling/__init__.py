"""A trained run used again: its generator, noise vectors by choice, and where samples go.

Begin with `inference.Sampler`. A new output format is one class in `sinks`.
"""
