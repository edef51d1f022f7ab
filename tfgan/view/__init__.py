"""What people look at after a run: its figures, its film, one HTML page. Nothing here may import TensorFlow.

Begin with `gallery`, which makes everything that a run ends with. Change layouts freely, but not the names of the files.
"""
