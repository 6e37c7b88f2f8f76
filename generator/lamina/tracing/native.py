"""The C behind the commands about traces: built once for each compiler, kept in the user's cache, and called.

    recorder.so    what LD_PRELOAD puts before the C library
    lamina-trace   makes, finishes and reads traces; answers in JSON
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator, Sequence

import click

from .. import paths
from ..cli import SPEC_WRONG, Failed
from ..toolchain import run, tool

FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2"]
RECORDER = ["recorder.c", "lane.c", "lane_events.c"]
RECORDER_FLAGS = ["-shared", "-fPIC", "-fvisibility=hidden", "-pthread", "-ldl"]
READER = ["trace_main.c", "trace_file.c", "trace_events.c", "trace_calls.c", "trace_summary.c", "trace_build_ops.c", "trace_finish.c",
          "trace_tick.c"]


def sources() -> Path:
    """The folder of the C."""
    return paths.runtime_dir() / "recorder"


def _cache() -> Path:
    """A folder that stays: a program that was recorded may start others long after."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "lamina" / "tools"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    except OSError:
        pass
    own = Path(tempfile.mkdtemp(prefix="lamina-tools-"))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return own


def _digest(cc: Sequence[str]) -> str:
    """Of all that goes into what is built."""
    compiler = shutil.which(cc[0]) or cc[0]
    state = os.stat(compiler)
    parts = [shlex.join(cc), os.path.realpath(compiler), str(state.st_size), str(state.st_mtime_ns), *FLAGS, *RECORDER_FLAGS]
    for path in sorted(sources().glob("*.[ch]")):
        parts += [path.name, path.read_text(encoding="utf-8")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def build(cc: str = "cc") -> Path:
    """The folder with both, compiled if that is still to be done."""
    command = shlex.split(cc)
    if not command:
        raise click.UsageError("--cc names no compiler")
    tool(command[0], "gcc")
    cache = _cache()
    done = cache / _digest(command)
    if done.is_dir():
        return done
    staged = Path(tempfile.mkdtemp(prefix=".building-", dir=cache))
    try:
        here = [str(sources() / name) for name in RECORDER]
        run([*command, *FLAGS, *here, *RECORDER_FLAGS, "-o", str(staged / "recorder.so")], staged, "the recorder does not compile")
        here = [str(sources() / name) for name in READER]
        run([*command, *FLAGS, *here, "-o", str(staged / "lamina-trace")], staged, "the reader of traces does not compile")
        try:
            staged.rename(done)
        except OSError:
            if not done.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return done


def recorder(cc: str = "cc") -> Path:
    """The recorder, at a path that LD_PRELOAD can name: words there end at spaces and colons."""
    path = build(cc) / "recorder.so"
    if not any(c.isspace() or c == ":" for c in str(path)):
        return path
    folder = Path(tempfile.mkdtemp(prefix="lamina-recorder-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copy(path, folder / path.name)
    return folder / path.name


def call(cc: str, *arguments: str | Path, status: int = SPEC_WRONG, about: str = "") -> str:
    """What the tool answers. What is wrong with a trace is told with the file's name."""
    done = subprocess.run([str(build(cc) / "lamina-trace"), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True)
    told = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == 1:
        raise Failed(status, f"{about}: {told}")
    if done.returncode != 0:
        raise RuntimeError(f"lamina-trace {' '.join(map(str, arguments))}: status {done.returncode}: {told}")
    return done.stdout.decode("utf-8", "replace")


def ask(cc: str, *arguments: str | Path, about: str = "") -> Any:
    """The same, for answers in JSON."""
    return json.loads(call(cc, *arguments, about=about))


@contextlib.contextmanager
def ticking(cc: str, part: Path) -> Iterator[None]:
    """The clock of a recording, while it is made. In a session of its own: Ctrl-C is for the program."""
    clock = subprocess.Popen([str(build(cc) / "lamina-trace"), "tick", str(part)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        clock.kill()
        clock.wait()


def run_recorded(words: tuple[str, ...], recorder: Path, part: Path) -> int:
    """Runs the program to its end; how it ended, as waitpid tells it. Ctrl-C reaches the program by itself; a request to
    end is passed on to it, so that there is a trace of what it did until then."""
    preload = " ".join(filter(None, [str(recorder), os.environ.get("LD_PRELOAD", "")]))
    environment = {**os.environ, "LD_PRELOAD": preload, "LAMINA_RECORD": str(part)}
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []  # what came before we knew the program's number; it may run already

    def pass_on(number: int, _: object) -> None:
        for child in started:
            child.send_signal(number)
        if not started:
            early.append(number)

    # Handlers, not SIG_IGN, which the program would inherit.
    handlers = {signal.SIGINT: lambda *_: None, signal.SIGQUIT: lambda *_: None, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        started.append(subprocess.Popen(list(words), env=environment))
        for number in early:
            started[0].send_signal(number)
        code = started[0].wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return -code if code < 0 else code << 8
