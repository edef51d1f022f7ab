"""A source as `sources.open_source` gives it, of a folder or a single file, for tests of what lies in it."""

import pathlib


class PlainSource:
    damage = None

    def __init__(self, path):
        self.path = pathlib.Path(path)
        folder = self.path if self.path.is_dir() else self.path.parent
        paths = sorted(self.path.rglob("*")) if self.path.is_dir() else [self.path]
        self._paths = {path.relative_to(folder).as_posix(): path for path in paths if path.is_file()}
        self.files = list(self._paths)
        self.names = [name for name in self.files if name.endswith(".jpg")]

    def location(self, name):
        return str(self._paths[name]), self._paths[name].stat().st_size

    def open(self, name):
        return open(self._paths[name], "rb")

    def stamp(self):
        return [[name, path.stat().st_size, path.stat().st_mtime_ns] for name, path in self._paths.items()]
