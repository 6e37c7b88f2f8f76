"""Reads specs in Lua 5.4.

A spec is a program, so it runs in a child process: the ``lua5.4`` interpreter under ``prelude.lua``, which gives it
a sandbox and counts its instructions and its memory.  Around the child stand limits of the operating system and a
clock, for what the interpreter cannot count.  The child opens no file that a spec names: it asks here for each
module, and ``_Modules`` decides.

Integers are Lua's: 64 bits, hexadecimal wraps.  ``pairs`` and ``next`` go in a fixed order and ``math.random``
starts from a fixed seed, so that a spec gives the same result on every run.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence

from ..diagnostics import Diagnostics, printable
from ..tree import Document, Entry, Map, Node, Scalar, Seq, Span, StackNode
from .source import read_source

INSTRUCTION_BUDGET = 50_000_000
MEMORY_KIB = 32 * 1024
CPU_SECONDS = 2
WALL_SECONDS = 30
# Above the interpreter's own needs plus MEMORY_KIB twice, since growing a table or string copies it.
ADDRESS_SPACE = 128 << 20

# Lua cuts a longer chunk name in its messages.
_CHUNK_NAME_BYTES = 55
_MODULE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")
_MODULE_LIMIT = 256


def load_lua(path: str, include: Sequence[str], diags: Diagnostics, root: str | None = None) -> Document | None:
    """Evaluate the spec at ``path``; ``require`` finds modules beside it and in the folders of ``include``."""
    source = read_source(path, diags, root)
    if source is None:
        return None
    interpreter = _find_interpreter()
    if interpreter is None:
        diags.error("LAM003", None, "Lua 5.4 is needed to read a spec in Lua and was not found",
                    help="install it (Debian: apt-get install lua5.4) or set LAMINA_LUA to the interpreter")
        return None
    modules = _Modules(path, include, diags, root)
    child = _Child(interpreter, modules)
    try:
        reply = child.evaluate(_chunk_text(source))
    finally:
        child.end()
    if reply is None:
        _report_end(child, modules, diags)
        return None
    return _Reader(path, modules, diags).read(reply)


def _chunk_text(source: str) -> str:
    # The interpreter skips a first line that starts with '#' only in files.  Its columns don't matter.
    return "--" + source if source.startswith("#") else source


def _find_interpreter() -> str | None:
    chosen = os.environ.get("LAMINA_LUA")
    if chosen:
        return shutil.which(chosen)
    for name in ("lua5.4", "lua54", "lua-5.4"):
        found = shutil.which(name)
        if found:
            return found
    found = shutil.which("lua")
    return found if found and " 5.4" in _version_of(found) else None


def _version_of(interpreter: str) -> str:
    import subprocess

    try:
        done = subprocess.run([interpreter, "-v"], capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr


class _Modules:
    """The files of one run: the spec and what it requires.  Only what lies in the declared folders is read."""

    def __init__(self, path: str, include: Sequence[str], diags: Diagnostics, root: str | None) -> None:
        self.paths: list[str] = []
        self.chunk_names: list[str] = []
        self._root = root
        self._diags = diags
        self._folders = [os.path.dirname(path), *include]
        self._real_folders = [os.path.realpath(self._on_disk(folder)) for folder in self._folders]
        self._add(path)

    def find(self, name: str) -> tuple[bool, list[str]]:
        """True and chunk name, text and path of a module; or False, a message and a remedy."""
        where = "modules stand beside the spec or in a folder given with --include"
        if not _MODULE_NAME.match(name):
            return False, [f"'{_shown(name)}' is not a module's name: a spec can't name paths, '..' or suffixes",
                           f"write require \"folder.module\" for folder/module.lua; {where}"]
        if len(self.paths) >= _MODULE_LIMIT:
            return False, [f"the spec requires more than {_MODULE_LIMIT} modules", ""]
        relative = name.replace(".", "/")
        refusal = f"module '{name}' was not found"
        for folder in self._folders:
            for candidate in (f"{relative}.lua", f"{relative}/init.lua"):
                path = os.path.join(folder, candidate)
                if not os.path.lexists(self._on_disk(path)):
                    continue
                if not self._inside(path):
                    return False, [f"module '{name}' is a link that leaves the spec's folder ({path})", where]
                text = read_source(path, self._diags, self._root, report=False)
                if text is None:
                    return False, [f"module '{name}' can't be read as Lua source ({path})", where]
                if text.startswith("\x1b"):
                    return False, [f"module '{name}' is compiled Lua, which a spec can't load ({path})",
                                   "give the source"]
                return True, [self._add(path), _chunk_text(text), path]
            if os.path.lexists(self._on_disk(os.path.join(folder, f"{relative}.so"))):
                refusal = f"module '{name}' is a binary module, which a spec can't load"
        return False, [refusal, where]

    def _on_disk(self, path: str) -> str:
        return os.path.join(self._root, path) if self._root else path or "."

    def _inside(self, path: str) -> bool:
        real = os.path.realpath(self._on_disk(path))
        return any(os.path.commonpath((real, folder)) == folder for folder in self._real_folders)

    def _add(self, path: str) -> str:
        """Count a file among those of the run; the name by which Lua's messages call it."""
        name = "".join(char if char.isprintable() else "?" for char in path)
        encoded = name.encode("utf-8", "replace")
        if len(encoded) > _CHUNK_NAME_BYTES:
            name = "..." + encoded[3 - _CHUNK_NAME_BYTES:].decode("utf-8", "ignore")
        if name in self.chunk_names:
            name = f"{name[-40:]}#{len(self.chunk_names)}"
        self.paths.append(path)
        self.chunk_names.append(name)
        return name


class _Child:
    """One run of the interpreter and the talk with it; ``prelude.lua`` describes the protocol."""

    def __init__(self, interpreter: str, modules: _Modules) -> None:
        import subprocess

        self.interpreter = interpreter
        self.crumb: tuple[int, int] | None = None
        self.problem: str | None = None
        self.timed_out = False
        self._killed = False
        self._modules = modules
        self._buffer = bytearray()
        self._deadline = time.monotonic() + WALL_SECONDS
        folder = os.path.dirname(os.path.abspath(__file__))
        try:
            self._process = subprocess.Popen(
                [interpreter, "-E", os.path.join(folder, "prelude.lua"), folder],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        except OSError as error:
            self._process = None
            self.problem = error.strerror or str(error)

    def evaluate(self, source: str) -> str | None:
        """The child's reply, or None when it ended without one."""
        if self._process is None:
            return None
        _limit(self._process.pid)
        try:
            self._send(str(INSTRUCTION_BUDGET), str(MEMORY_KIB), str(CPU_SECONDS), self._modules.chunk_names[0], source)
            return self._converse()
        except (BrokenPipeError, EOFError):
            return None

    def end(self) -> None:
        """Leave no process behind."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._killed = True
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()  # type: ignore[union-attr]
            except BrokenPipeError:
                pass
        self._process.wait()

    @property
    def signal(self) -> int:
        """What ended the child, if it was not this side."""
        code = self._process.returncode if self._process else 0
        return -code if code is not None and code < 0 and not self._killed else 0

    def _converse(self) -> str | None:
        while True:
            kind = self._receive()
            if kind == "R":
                return self._receive()
            if kind == "Q":
                found, fields = self._modules.find(self._receive())
                self._send("file" if found else "none", *fields)
            elif kind == "P":
                # Line ends and tabs are the spec's, but no other control character reaches the terminal.
                sys.stderr.write("\t".join(printable(part) for part in self._receive().split("\t")))
            elif kind == "B":
                self.crumb = (int(self._receive()), int(self._receive()))
            elif kind == "V":
                self.problem = f"it is {self._receive()}, not Lua 5.4"
                return None
            elif kind == "X":
                raise RuntimeError("the Lua prelude failed: " + self._receive())
            else:
                self.problem = "it does not talk as Lua 5.4 does"
                return None

    def _send(self, *fields: str) -> None:
        message = bytearray()
        for field in fields:
            encoded = field.encode("utf-8", "surrogateescape")
            message += b"%d\n" % len(encoded) + encoded
        view = memoryview(message)
        while view:
            view = view[self._process.stdin.write(view):]  # type: ignore[union-attr]

    def _receive(self) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > 20:
                raise EOFError
            self._fill()
        if not self._buffer[:end].isdigit():
            raise EOFError
        size = int(self._buffer[:end])
        del self._buffer[:end + 1]
        while len(self._buffer) < size:
            self._fill()
        field = self._buffer[:size].decode("utf-8", "replace")
        del self._buffer[:size]
        return field

    def _fill(self) -> None:
        import select

        pipe = self._process.stdout.fileno()  # type: ignore[union-attr]
        ready, _, _ = select.select([pipe], [], [], max(0.0, self._deadline - time.monotonic()))
        if not ready:
            self.timed_out = True
            raise EOFError
        data = os.read(pipe, 1 << 16)
        if not data:
            # The pipe closes a moment before the process can be asked how it ended.
            try:
                self._process.wait(1)  # type: ignore[union-attr]
            except Exception as late:
                raise EOFError from late
            raise EOFError
        self._buffer += data


def _limit(pid: int) -> None:
    """Bound the child, which waits for its first input.  Where a system can't, the child's own counts must do."""
    try:
        import resource
    except ImportError:
        return
    if not hasattr(resource, "prlimit"):
        return
    # The interpreter stops itself at CPU_SECONDS; this is for what does not come back to it.
    for limit, value in ((resource.RLIMIT_AS, ADDRESS_SPACE), (resource.RLIMIT_CPU, CPU_SECONDS + 1),
                         (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        try:
            hard = resource.prlimit(pid, limit)[1]
            if hard == resource.RLIM_INFINITY or hard > value:
                resource.prlimit(pid, limit, (value, value))
        except (OSError, ValueError):
            continue


def _report_end(child: _Child, modules: _Modules, diags: Diagnostics) -> None:
    """The child ended, or was ended, without a reply."""
    import signal

    if child.problem is not None:
        diags.error("LAM003", None, f"'{child.interpreter}' can't read a spec: {child.problem}",
                    help="install Lua 5.4 (Debian: apt-get install lua5.4) or set LAMINA_LUA to the interpreter")
        return
    span = Span(modules.paths[0], 1)
    if child.crumb is not None and 0 < child.crumb[0] <= len(modules.paths):
        span = Span(modules.paths[child.crumb[0] - 1], child.crumb[1])
    if child.timed_out or child.signal in (signal.SIGXCPU, signal.SIGKILL):
        diags.error("LAM006", span, f"the spec still runs after {CPU_SECONDS} seconds, inside one library call",
                    help="a pattern with several '*', '+' or '-' may try for ever: anchor it or split it up")
    else:
        how = signal.strsignal(child.signal) if child.signal else "no reason given"
        diags.error("LAM005", span, f"the Lua interpreter ended without a result ({how})")


class _Reader:
    """Makes the tree from the child's JSON."""

    def __init__(self, path: str, modules: _Modules, diags: Diagnostics) -> None:
        self._path = path
        self._paths = modules.paths
        self._diags = diags

    def read(self, reply: str) -> Document | None:
        import json

        report = json.loads(reply)
        for mistake in report["mistakes"]:
            span = self._span(mistake["place"]) if mistake["place"] else Span(self._path, 1)
            message = mistake["message"]
            if mistake["code"] == "LAM004":
                span = self._near(span, message)
            self._diags.error(mistake["code"], span, message, help=mistake["help"] or None,
                              notes=[(self._span(place), text) for place, text in mistake["notes"]])
        if report["mistakes"]:
            return None
        return Document(self._path, tuple(self._stack(stack) for stack in report["stacks"]), tuple(self._paths))

    def _span(self, place: Sequence[int]) -> Span:
        return Span(self._paths[place[0] - 1], *place[1:])

    def _near(self, span: Span, message: str) -> Span:
        """The column of a syntax error, where the word that Lua stopped at stands on its line only once."""
        near = re.search(r"near '(.+)'\Z", message, re.DOTALL)
        line = self._diags.source_line(span)
        if not near or line is None or line.count(near[1]) != 1:
            return span
        return Span(span.file, span.line, line.index(near[1]) + 1, len(near[1]))

    def _stack(self, stack: dict) -> StackNode:
        name, options, layers = (self._node(stack[part]) for part in ("name", "options", "layers"))
        assert isinstance(name, Scalar) and isinstance(options, Map) and isinstance(layers, Seq)
        return StackNode(name, options, layers, self._span(stack["span"]))

    def _node(self, data: list) -> Node:
        if data[0] == "s":
            return Scalar(data[1], self._span(data[2]))
        if data[0] == "q":
            return Seq(tuple(self._node(item) for item in data[1]), self._span(data[2]))
        return Map(tuple(self._entries(data[2])), self._span(data[3]), data[1])

    def _entries(self, data: list) -> Iterator[Entry]:
        for key, place, value in data:
            yield Entry(key, self._span(place), self._node(value))


def _shown(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "..."
