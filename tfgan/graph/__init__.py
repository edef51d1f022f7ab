"""A recipe as a TensorFlow 1.x graph. `gan.build` puts it together from networks, objectives and optimisers.

Begin with `gan`; model files are written in `layers`. Exact resumption depends on two things, which must stay: every random draw
has a key (`noise`), and every update of a moving average has its place in an order (`scope`).
"""
