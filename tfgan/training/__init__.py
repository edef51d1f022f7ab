"""The training of a recipe: how a run starts, the loop, the session runs of one iteration, and what looks on.

Begin with `loop`. To add something that looks on, write a class in `hooks` and add it to `HOOKS` there. A promise to the user:
the last checkpoint is saved before the last pictures, and a run counts as finished only once it has those, too.
"""
