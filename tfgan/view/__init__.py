"""What is made of a run to be looked at: figures, its film, one page. Nothing here needs TensorFlow.

Begin with `gallery`, which makes everything that a run ends with.
"""
