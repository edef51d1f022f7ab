"""The training of a recipe: the loop, the session runs of one iteration, and what looks on.

Begin with `loop`. To add something that looks on, write one file in `hooks` and add one entry to its `HOOKS`. Keep the order of
checkpoint and picture, which is a promise to the user: a run that has its checkpoint has its pictures.
"""
