"""One tutorial a file: `generator`, `discriminator`, `RECIPES` and `ODDITIES`; the file's name is the model's."""
