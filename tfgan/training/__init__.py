"""The training of a recipe: the loop, the session runs of one iteration, and what looks on.

Begin with `loop`. To add something that looks on, write one file in `hooks` and add one entry to its `HOOKS`. A promise to
the user: the last checkpoint is saved before the last pictures, and a run counts as finished only once it has those, too.
"""
