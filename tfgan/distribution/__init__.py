"""Training with several devices and several processes. The engine is tf.distribute.

Begin with `team`, the only file that names a tf.distribute strategy. `cluster` says who takes part, `server` starts TensorFlow's
server, `agreement` is what the processes tell each other, and `follow` is the loop of every process but the chief.
"""
