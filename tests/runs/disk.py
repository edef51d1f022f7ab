"""What of a folder a power cut would leave: a disk that keeps only what was synced, and of the rest what it pleases."""

import itertools
import os
import shutil


class _Node:
    """A file or folder, whatever its name is now."""

    def __init__(self, content=b"", entries=()):
        self.content = content  # of a file, as it was when it was last synced; never: empty
        self.entries = dict(entries)  # of a folder, likewise: name -> node
        self.pending = []  # what became of its names since: [{name: node, or None where it is gone}]


class Disk:
    """Watches what happens to a folder (a Path) until monkeypatch is undone; what is in it already is on the disk.

    A name operation (rename, removal, new folder or file) that is not synced may survive a power cut or not, each by itself, in
    any order: POSIX promises no more. The content of a file is what it was at its last sync.
    """

    def __init__(self, root, monkeypatch, each=lambda: None):
        """each: called after every sync and name operation."""
        self._root, self._each = root, each
        self._nodes = {}
        self._nested = False
        self._read(root)
        for module, name, noted in (
            (os, "fsync", self._synced),
            (os, "replace", self._moved),
            (os, "rename", self._moved),
            (os, "unlink", self._removed),
            (os, "rmdir", self._removed),
            (os, "mkdir", self._made),
            (shutil, "rmtree", self._removed),
        ):
            monkeypatch.setattr(module, name, self._watched(getattr(module, name), noted))

    def _read(self, path):
        children = sorted(path.iterdir()) if path.is_dir() else ()
        node = _Node(b"" if path.is_dir() else path.read_bytes(), {child.name: self._read(child) for child in children})
        self._nodes[str(path)] = node
        return node

    def _watched(self, function, noted):
        def instead(what, *more, **settings):
            inside, self._nested = self._nested, True  # rmtree calls unlink
            try:
                result = function(what, *more, **settings)
            finally:
                self._nested = inside
            path = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else os.path.abspath(what)
            if not inside and f"{path}/".startswith(f"{self._root}/"):
                noted(path, *more)
                self._each()
            return result

        return instead

    def _at(self, path):
        return self._nodes.setdefault(path, _Node())

    def _pending(self, path):
        return self._at(os.path.dirname(path)).pending

    def _synced(self, path):
        node = self._at(path)
        if os.path.isdir(path):
            node.entries, node.pending = {name: self._at(f"{path}/{name}") for name in os.listdir(path)}, []
        else:
            with open(path, "rb") as file:
                node.content = file.read()

    def _moved(self, source, target):
        target, node = os.path.abspath(target), self._at(source)
        self._forget(target)
        for path in [path for path in self._nodes if f"{path}/".startswith(f"{source}/")]:
            self._nodes[target + path.removeprefix(source)] = self._nodes.pop(path)
        self._pending(source).append({os.path.basename(source): None})
        self._pending(target).append({os.path.basename(target): node})
        if os.path.dirname(source) == os.path.dirname(target):  # at once
            pending = self._pending(target)
            pending[-2:] = [pending[-2] | pending[-1]]

    def _removed(self, path, *_):
        self._forget(path)
        self._pending(path).append({os.path.basename(path): None})

    def _made(self, path, *_):
        self._pending(path).append({os.path.basename(path): self._at(path)})

    def _forget(self, path):
        for each in [each for each in self._nodes if f"{each}/".startswith(f"{path}/")]:
            del self._nodes[each]

    def has(self, path):
        """Whether a file is on the disk for certain, as it is now and under the name that it has now."""
        node, folder = self._at(str(path)), self._at(str(path.parent))
        certain = folder.entries.get(path.name) is node and not any(path.name in operation for operation in folder.pending)
        return certain and node.content == path.read_bytes()

    def states(self):
        """Every state that a power cut would leave: {path in the folder: content}, of files."""
        yield from self._states(self._at(str(self._root)), str(self._root))

    def _states(self, node, path):
        live = self._nodes.get(path) is node and os.path.isdir(path)
        known = node.entries.keys() | {name for operation in node.pending for name in operation}
        new = {name: self._at(f"{path}/{name}") for name in (os.listdir(path) if live else ()) if name not in known}
        operations = [*node.pending, *([new] if new else [])]
        for kept in itertools.product([True, False], repeat=len(operations)):
            entries = dict(node.entries)
            for operation in itertools.compress(operations, kept):
                entries |= operation
            entries = {name: child for name, child in entries.items() if child is not None}
            parts = [list(self._states_of(name, child, path)) for name, child in entries.items()]
            for chosen in itertools.product(*parts):
                yield {name: content for part in chosen for name, content in part.items()}

    def _states_of(self, name, node, path):
        live = next((place for place, other in self._nodes.items() if other is node), f"{path}/{name}")
        if not node.entries and not node.pending and not os.path.isdir(live):
            yield {name: node.content}
            return
        for state in self._states(node, live):
            yield {f"{name}/{inner}": content for inner, content in state.items()}
