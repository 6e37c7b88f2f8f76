"""What is measured: each form of a stack and the general allocators, as programs of the same C.

Every program is templates/tools/compare/driver.c, compiled in a folder of its own in which subject.h names the allocator
and patterns.h the patterns. The allocator's inline functions are thus compiled into the patterns, as they would be in
the program that uses them:

    flat      <stack>.h and <stack>.c as they are emitted
    generic   <stack>_generic.h and .c, the twin
    floor     <floors>/<stack>/<stack>.h, and <stack>.c where there is one: the same names, written by hand
    malloc    malloc and free; one program serves all general allocators, which are preloaded
    loop      no allocator: what the pattern's own loop costs
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Sequence

from .. import paths
from ..cli import ENVIRONMENT, Failed
from ..model import Stack
from ..toolchain import environment, run, runtime_objects
from .allocators import Present
from .patterns import Pattern

OBJECTS, MOST = 20000, 256  # as bench.h has them: most objects at once, longest request
#: malloc and free are called as often as the source says, and never become something else.
NO_BUILTIN = ["-fno-builtin-malloc", "-fno-builtin-free", "-fno-builtin-aligned_alloc"]


@dataclass
class Subject:
    """One allocator of a comparison. `why` is empty, or says why it can't take part."""

    name: str
    kind: str  # flat, generic, floor, general, loop
    title: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    why: str = ""
    library: str = ""

    @property
    def present(self) -> bool:
        return not self.why

    def run(self, arguments: Sequence[str], wrapper: Sequence[str] = (), timeout: float = 300) -> str:
        """What the program prints."""
        return run([*wrapper, str(self.folder / "driver"), *arguments], self.folder,
                   f"{self.name}: {' '.join(arguments[:2])}: the measurement failed{' under ' + wrapper[0] if wrapper else ''}",
                   environment(self.environment), timeout)


@dataclass
class Bench:
    """A stack with all that it is compared with, compiled."""

    stack: Stack
    spec: str
    view: SimpleNamespace
    abilities: set[str]
    subjects: list[Subject]
    loop: Subject
    capacity: int

    @property
    def payload(self) -> int:
        """Bytes of each object; 0 where a request says."""
        return 0 if self.view.sized else int(self.view.payload_bytes)

    def subject(self, name: str) -> Subject:
        return next(subject for subject in self.subjects if subject.name == name)


def tools() -> Path:
    """The folder of the C that is measured with."""
    return paths.templates_dir() / "tools" / "compare"


def floors_dir() -> Path:
    """Where the floors stand that come with Lamina: in its source tree only."""
    return paths.root() / "tests" / "floors"


def abilities(S: SimpleNamespace) -> set[str]:
    """What patterns may ask of a stack."""
    remote = {"LAMINA_SUBJECT_THREADS_ANY", "LAMINA_SUBJECT_THREADS_FREE"} & set(S.subject_flags)
    can = {"frees": S.can.free, "resets": S.can.reset, "marks": S.can.marks, "remote": remote and S.can.free}
    return {name for name, is_so in can.items() if is_so}


def _alignment(stack: Stack, S: SimpleNamespace) -> int:
    """The alignment that the spec asks for by name; what a slot happens to have beyond malloc's isn't asked of malloc."""
    asked = getattr(stack.main.store.p, "align", None) if "align" in stack.main.store.given else None
    return max(16, asked or 0) if S.sized or asked else 16


def _context(stack: Stack, S: SimpleNamespace, kind: str, can: set[str]) -> dict[str, Any]:
    """What subject.h.j2 asks."""
    buffer, buffer_align = "", 16
    own = kind not in ("general", "loop")
    if S.can.init_with and own:
        source = next(b.source for b in stack.branches if b.dynamic)
        buffer_align = max(getattr(source.p, "align", 16), 16)
        room = str(OBJECTS * (MOST + 16)) if S.sized else str(getattr(stack.main.store.x, "count", OBJECTS))
        buffer = f"{stack.name.upper()}_BYTES_FOR({room})" if S.footprint else "16U << 20"
    general = kind == "general"
    return {
        "kind": kind, "header": f"{S.p}.h", "P": S.p, "T": S.t, "sized": int(S.sized),
        "payload": 0 if S.sized else S.payload_bytes, "room": max(S.payload_bytes, MOST),
        "align": _alignment(stack, S), "frees": int(general or "frees" in can), "resets": int(not general and "resets" in can),
        "marks": int(not general and "marks" in can), "general": int(general), "promised": 0 if S.sized else S.align,
        "resizable": own and S.can.resize, "static": S.static_instance and kind != "generic", "buffer": buffer,
        "buffer_align": buffer_align, "refuses": S.fault and own and kind != "floor", "stand_ins": S.stand_ins if own else [],
    }


def _write(folder: Path, env: Any, context: dict[str, Any], stack: str, patterns: Sequence[Pattern]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "subject.h").write_text(env.get_template("tools/compare/subject.h.j2").render(context), encoding="utf-8")
    rows = [{"name": p.name, "file": p.file, "prepare": p.prepare or p.file, "order": p.order} for p in patterns]
    (folder / "patterns.h").write_text(env.get_template("tools/compare/patterns.h.j2").render(
        stack=stack, patterns=rows, files=list(dict.fromkeys(p.file for p in patterns))), encoding="utf-8")


def _floor(stack: Stack, floors: Path) -> tuple[list[str], str]:
    """The sources of a stack's floor, and why there is none."""
    folder = floors / stack.name
    if not (folder / f"{stack.name}.h").is_file():
        return [], "none is written for it"
    return [str(path.resolve()) for path in (folder / f"{stack.name}.c",) if path.is_file()], ""


def prepare(stack: Stack, spec: str, root: Path, cc: Sequence[str], floors: Path, general: Sequence[Present],
            patterns: Sequence[Pattern], driver: Path | None = None, workers: int = 1) -> Bench:
    """Renders, writes and compiles all programs of one stack below `root`. `driver` is another main file than
    driver.c, for programs that do other things with the same subjects."""
    from ..render import Renderer
    from ..views import subject as subject_view

    renderer = Renderer(stack, os.path.basename(spec), "lamina compare")
    files = {**renderer.flat(), **renderer.twin()}
    views = {"flat": renderer.S, "generic": renderer.twin_view}
    for form, S in views.items():
        subject_view(renderer.composer, S, form)
        S.payload_bytes = int(stack.main.payload or 0) if not S.sized else 0
    S = views["flat"]
    can = abilities(S)
    served = [p for p in patterns if not p.reason(can)]
    runtime = runtime_objects(list(files.values()), stack.options.target, root / "runtime", [*cc, "-fPIE"])
    freestanding = ["-ffreestanding"] if stack.options.target == "freestanding" else []
    main = driver or tools() / "driver.c"

    def build(name: str, kind: str, title: str, more: Sequence[str], which: Sequence[Pattern], includes: Sequence[str]) -> Subject:
        folder = root / name
        view = views["generic"] if kind == "generic" else S
        _write(folder, renderer.env, {**_context(stack, view, kind, can), "name": name}, stack.name, which)
        what = f"{stack.name}, {name}:"
        objects = []
        for source in more:
            target = folder / (Path(source).stem + ".o")
            run([*cc, *freestanding, "-c", *includes, "-o", str(target), source], folder, f"{what} does not compile")
            objects.append(str(target))
        # Paths of the patterns stand last: a floor or stack may have a header of any name.
        run([*cc, *(NO_BUILTIN if kind == "general" else []), "-I.", *includes, f"-I{tools()}", "-o", "driver", str(main), *objects,
             *(runtime if kind not in ("general", "loop") else []), "-pthread", "-ldl"], folder, f"{what} does not compile")
        return Subject(name, kind, title, folder)

    stack_folder = root / "stack"
    stack_folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (stack_folder / file).write_text(text, encoding="utf-8")
    runtime_include = f"-I{root / 'runtime'}"
    own = [f"-I{stack_folder}", runtime_include]
    flat, generic = stack_folder / f"{stack.name}.c", stack_folder / f"{stack.name}_generic.c"
    sources, why = _floor(stack, floors)
    floor = [f"-I{(floors / stack.name).resolve()}", f"-I{paths.runtime_dir() / 'include'}"]
    programs = [("flat", "flat", "flat", [str(flat)], served, own),
                ("generic", "generic", "generic twin", [str(generic)], served, own),
                ("loop", "loop", "the pattern's own loop", [], patterns, [])]
    if not why:
        programs.append(("floor", "floor", "hand-written", sources, served, floor))
    if general:
        programs.append(("malloc", "general", "system malloc", [], served, []))
    with ThreadPoolExecutor(workers) as pool:
        built = {subject.name: subject for subject in pool.map(lambda program: build(*program), programs)}
    subjects = [built["flat"], built["generic"], built.get("floor") or Subject("floor", "floor", "hand-written", root, why=why)]
    for present in general:
        one = Subject(present.general.name, "general", present.general.title, root / "malloc", present.environment, present.why,
                      present.library)
        subjects.append(one)
        if one.present:
            verify(one)
    capacity = int(built["flat"].run(["capacity", str(OBJECTS)]).split()[1])
    return Bench(stack, spec, S, can, subjects, built["loop"], capacity)


def verify(subject: Subject) -> None:
    """That the malloc which answers is the one that is meant: the loader passes over a library that it can't load."""
    found = subject.run(["whose"]).split(maxsplit=1)[1].strip()
    if subject.library and Path(found).resolve() != Path(subject.library).resolve():
        raise Failed(ENVIRONMENT, f"{subject.name}: {subject.library} was not loaded, malloc is that of {found}")


