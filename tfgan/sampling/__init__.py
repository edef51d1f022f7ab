"""A trained run in use: its generator, the choice of noise, files of samples, and exports for other programs.

Begin with `inference.Sampler`. To add an output format, write one function in `sinks` (for samples) or `formats` (exports). Never
change the noise of a seed: the same seed must always give the same images.
"""
