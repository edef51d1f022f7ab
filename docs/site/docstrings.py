"""How mkdocstrings reads this project's docstrings: arguments as lists, comments behind fields as their descriptions."""

import re

import griffe

_ARGUMENT = re.compile(r"^((?:[a-z_]\w*)(?:, [a-z_]\w*)*): ", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Makes a list of the lines `name: what it is` of a docstring, and a description of the comment behind a field."""

    def on_function(self, *, func, **_):
        """Called for each function."""
        if func.docstring is not None:
            func.docstring.value = with_lists(func.docstring.value)

    def on_class(self, *, cls, **_):
        """Called for each class, after its members."""
        if cls.docstring is not None:
            cls.docstring.value = with_lists(cls.docstring.value)

    def on_attribute(self, *, attr, **_):
        """Called for each attribute."""
        if attr.docstring is None and attr.parent is not None and attr.parent.is_class:
            _, found, comment = attr.source.splitlines()[-1].partition("  # ")
            if found:
                attr.docstring = griffe.Docstring(comment[:1].upper() + comment[1:] + ".", parent=attr)


def with_lists(text):
    """The text with a list of its lines `name: what it is`, each of which may go on in indented lines."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        if _ARGUMENT.search(paragraph):
            lines = _ARGUMENT.sub(r"- `\1`: ", paragraph).splitlines()
            first = next(n for n, line in enumerate(lines) if line.startswith("- `"))
            lines.insert(first, "")
            paragraph = "\n".join(lines).lstrip("\n")
        paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)
