"""What is kept of a run: its folder, configuration, metrics and checkpoints. `python -m tfgan.runs` lists runs.

Begin with `rundir` (a run is written) and `saved` (a run is read). What these files write is read by later versions: change the
format only with a way to read the old one.
"""
