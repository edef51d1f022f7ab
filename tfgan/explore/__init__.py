"""A page in the browser on which one plays with a generator: `python -m tfgan.explore`.

Begin with `page.build`: it makes the page from a source of generators, `kept.Kept` for a run and `exported.Exported` for an
export. Each file of `tabs` is one tab. `folder` writes the same page as a folder that runs without tfgan.
"""
