"""Fields of a dataclass that say of themselves what they may be, and which option of a command sets them.

`field` makes such a field. Everything else reads it: the checks, the command's options, and the pages of docs/.
"""

import dataclasses
import math
import pathlib
import typing
from collections.abc import Callable

from tfgan.errors import UserError

_METAVARS = {int: "N", float: "X", str: "NAME", pathlib.Path: "FOLDER", tuple: "NAMES"}
_KEY = "about"  # of a field's metadata


@dataclasses.dataclass(frozen=True)
class Range:
    """The numbers that a field may have: from `least` to `most`, without those of `excluded`. NaN is in no range."""

    least: float
    most: float = math.inf
    excluded: tuple = ()

    def __contains__(self, number):
        return self.least <= number <= self.most and number not in self.excluded

    def __str__(self):
        if not self.excluded:
            return f"{self.least} or more" if self.most == math.inf else f"from {self.least:,} to {self.most:,}"
        begin = f"{'above' if self.least in self.excluded else 'at least'} {self.least}"
        if self.most == math.inf:
            return f"{begin} and finite" if math.inf in self.excluded else begin
        return f"{begin} and {'below' if self.most in self.excluded else 'at most'} {self.most}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """What a field says of itself. A field whose default is None may be None, whatever its range and its choices are."""

    help: str = ""  # a clause without its full stop
    group: str | None = None  # the title of its group of options; None: no option sets it
    range: Range | None = None  # of a number
    choices: tuple = ()  # of a name, or of each name in a tuple
    metavar: str | None = None  # None: by the field's type
    parse: Callable | None = None  # makes the value of an option's text; None: the field's type does
    usual: object = None  # what None stands for, as a page says it
    note: str = ""  # more sentences for the page of the options, in Markdown
    paper: str = ""  # the paper that proposed it
    compared: bool = False  # TensorBoard's table of runs has a column of it


class Field(typing.NamedTuple):
    """A field with its `Description`."""

    name: str  # the field's
    kind: type  # the field's, without None
    default: object  # dataclasses.MISSING if there is none
    about: Description

    @property
    def flag(self):
        """`--batch-size` for the field batch_size."""
        return flag(self.name)

    @property
    def metavar(self):
        """The name of the option's value. None for a switch, which has no value."""
        return None if self.kind is bool else self.about.metavar or _METAVARS[self.kind]

    @property
    def is_set_by_default(self):
        """Whether it has a value, or is on, where the option is left out."""
        return not (self.default is None or self.default is False or self.default == ())

    def text(self, mark="{}".format):
        """The help with the choices. mark: what makes text of a choice."""
        *names, last = map(mark, self.about.choices or [""])
        return f"{self.about.help}: {', '.join(names)} or {last}" if names else self.about.help


def field(help="", group=None, *, default=dataclasses.MISSING, **about):
    """A dataclass's field. `Description` has all arguments but the field's default."""
    return dataclasses.field(default=default, metadata={_KEY: Description(help=help, group=group, **about)})


def fields(cls):
    """The `Field`s of the dataclass that `field` made, in their order."""
    for each in dataclasses.fields(cls):
        if (about := each.metadata.get(_KEY)) is not None:
            kind = next(kind for kind in (*typing.get_args(each.type), each.type) if kind is not type(None))
            yield Field(each.name, kind, each.default, about)


def flag(name):
    """The option that sets the field of that name."""
    return f"--{name.replace('_', '-')}"


def check(cls, values, title=str):
    """Raises UserError for a value out of its range, and for one that is none of its choices.

    values: name -> value of each of the fields that `field` made. title: makes the name in the error of a field's name.
    """
    for each in fields(cls):
        value, about = values[each.name], each.about
        if value is None and each.default is None:
            continue
        if about.range is not None and (value is None or value not in about.range):
            raise UserError(f"{title(each.name)} is {value}; it must be {about.range}")
        several = each.kind is tuple
        for name in (value if several else (value,)) if about.choices else ():
            if name not in about.choices:
                number = "one or more" if several else "one"
                raise UserError(f"{title(each.name)} is {name!r}; it must be {number} of {', '.join(about.choices)}")


def add_options(parser, cls, defaults=True):
    """Adds the options of the dataclass's fields to an argparse parser. Returns title -> group of options.

    defaults: whether an option that is left out has the field's default. Otherwise it is None.
    """
    groups = {}
    for each in fields(cls):
        if (title := each.about.group) is None:
            continue
        group = groups[title] = groups.get(title) or parser.add_argument_group(title)
        words, default = each.text(), each.default if defaults else None
        if each.about.usual is not None or (defaults and each.is_set_by_default):
            words += f"; default {each.about.usual or default}"
        settings = {"default": default, "help": words.replace("%", "%%")}
        if each.kind is bool:
            group.add_argument(each.flag, action="store_true", **settings)
        else:
            parse = each.about.parse or (_names if each.kind is tuple else each.kind)
            group.add_argument(each.flag, type=parse, metavar=each.metavar, **settings)
    return groups


def _names(text):
    return tuple(text.split(",")) if text else ()
