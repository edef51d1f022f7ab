"""The tutorials, one a file: `generator`, `discriminator`, `RECIPES` and `ODDITIES`. The file's name is the model's name.

Begin with `vanilla`. To add a model, add a file here and its name to `recipes.MODELS`. A model uses layers, initializers,
labels and the `Recipe` class, and nothing else of tfgan.
"""
