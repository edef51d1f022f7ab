"""How mkdocstrings reads this project's docstrings: arguments as lists, fields with their comments as tables."""

import re

import griffe

_ARGUMENT = re.compile(r"^((?:[a-z_]\w*)(?:, [a-z_]\w*)*): ", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Makes a list of the lines `name: what it is` of a docstring, and a table of a class's fields and their comments."""

    def on_function(self, *, func, **_):
        """Called for each function."""
        if func.docstring is not None:
            func.docstring.value = with_lists(func.docstring.value)

    def on_class(self, *, cls, **_):
        """Called for each class, after its members."""
        fields = [member for member in cls.members.values() if member.is_attribute and "instance-attribute" in member.labels]
        if cls.docstring is not None:
            cls.docstring.value = "\n\n".join([with_lists(cls.docstring.value), *([table_of(fields)] if fields else [])])
        for field in fields:
            cls.del_member(field.name)


def table_of(fields):
    """A table of a class's fields. field: a griffe.Attribute, whose last line may end with a comment."""
    rows = ["| field | default | what it is |", "|---|---|---|"]
    for field in fields:
        comment = field.source.splitlines()[-1].partition("  # ")[2].replace("|", "&#124;")
        rows.append(f"| `{field.name}` | {'' if field.value is None else f'`{field.value}`'} | {comment} |")
    return "\n".join(rows)


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
