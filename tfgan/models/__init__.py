"""The tutorials, one a file: `generator`, `discriminator`, `RECIPES` and `ODDITIES`. The file's name is the model's name.

Begin with `vanilla`. A new model is a new file here and its name in `recipes.MODELS`. A model uses layers and the `Recipe` class
and nothing else.
"""
