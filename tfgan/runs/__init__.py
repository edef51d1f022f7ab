"""A run on the disk: its folder, configuration, metrics and checkpoints. `python -m tfgan.runs` lists the runs.

Begin with `write`, which writes a run, and `read`, which reads one. Later versions read what this version writes: if you change
a format, keep a way to read the old one.
"""
