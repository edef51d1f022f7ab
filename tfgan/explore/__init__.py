"""A page in the browser on which one plays with a generator: `python -m tfgan.explore`.

Begin with `page.build`: it makes the page from `generators.Generators`, the checkpoints of a run. Each file of `tabs` is one tab.
`folder` writes the same page as a folder that runs on other machines.
"""
