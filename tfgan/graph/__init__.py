"""A recipe as a TensorFlow 1.x graph: layers, losses, penalties, and `gan.build`, which puts them together.

Begin with `gan`; `layers` is what the model files are written in. Every random draw has a key (`noise`), and every update of a
moving average is ordered (`scope`): keep both, because exact resumption depends on them.
"""
