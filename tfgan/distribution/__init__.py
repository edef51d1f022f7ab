"""Training with several devices and several processes. The engine is tf.distribute.

Begin with `team`, the only file that names a tf.distribute strategy. `cluster` says who takes part, `peers` notices who is
gone, and `follow` is the loop of every process but the chief.
"""
