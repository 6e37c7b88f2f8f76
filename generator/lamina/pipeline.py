"""From a spec file to the text of its artefacts: load, validate, resolve, compose and render in one call."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from . import paths, registry
from .diagnostics import Diagnostics
from .load import load_spec
from .model import Stack
from .resolve import resolve
from .validate import validate


@dataclass
class Output:
    """What one stack emits, before formatting: file name to text, in a folder named after the stack."""

    stack: Stack
    files: dict[str, str]
    options: Options
    inputs: tuple[str, ...] = ()
    #: The options that gave it, as the command in its banner has them.
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """What the command line chose about the output."""

    out: str = "generated"
    generic: bool = True
    tests: bool = True
    include: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    #: The target that goes before the specs' own.
    target: str | None = None
    formatted: bool = True
    #: Header, source and page alone, with the runtime files that they need.
    standalone: bool = False

    def parts(self) -> tuple[str, ...]:
        """The words that say for what, which files there are and whether they are formatted."""
        left_out = [("--standalone", self.standalone), ("--no-generic", not (self.generic or self.standalone)),
                    ("--no-tests", not (self.tests or self.standalone)), ("--no-format", not self.formatted)]
        target = ("--target", self.target) if self.target else ()
        return (*target, *(word for word, given in left_out if given))


def stacks_of(spec: str, options: Options, diags: Diagnostics) -> tuple[list[Stack], tuple[str, ...]]:
    """The legal stacks of a spec file, and the files that were read for them."""
    doc = load_spec(spec, options.include, diags)
    if doc is None:
        return [], (spec,)
    stacks = validate(doc, diags, options.only, options.target)
    for stack in stacks:
        stack.chosen = len(stacks) < len(doc.stacks)
    return [stack for stack in stacks if resolve(stack)], doc.inputs


def relative(path: str, start: str) -> str:
    """`path` as seen from the folder `start`, with forward slashes."""
    return os.path.relpath(path, start).replace(os.sep, "/")


def words_for(stack: Stack, inputs: tuple[str, ...], options: Options, folder: str) -> tuple[str, ...]:
    """The options that give a stack's folder once more, when the command is run in it. Of the include folders those
    are named that something was found in."""
    used = [include for include in options.include if any(_inside(path, include) for path in inputs[1:])]
    words = [word for include in dict.fromkeys(used) for word in ("-I", relative(include, folder))]
    return (*words, *(("--stack", stack.name) if stack.chosen else ()), *options.parts())


def _inside(path: str, folder: str) -> bool:
    return not relative(path, folder).startswith("../")


def command_for(spec: str, folder: str, words: Sequence[str] = ()) -> str:
    """The command that regenerates a stack's folder, to be run in it."""
    command = " ".join(map(shlex.quote, ["lamina", "generate", relative(spec, folder), "-o", "..", *words]))
    # It stands in a comment of C. Whatever has a star was put into quotes, which may be closed and opened again.
    return command.replace("*/", "*''/").replace("/*", "/''*")


def render_stack(stack: Stack, spec: str, inputs: tuple[str, ...], options: Options) -> Output:
    """All artefacts of one stack, as text."""
    from .render import Renderer

    folder = os.path.join(options.out, stack.name)
    words = words_for(stack, inputs, options, folder)
    renderer = Renderer(stack, relative(spec, folder), command_for(spec, folder, words))
    whole = not options.standalone
    files = renderer.artefacts(options.generic and whole, options.tests and whole)
    return Output(stack, files, options, inputs, words)


def generator_inputs(stacks: Sequence[Stack]) -> list[str]:
    """Lamina's own files that these stacks' output depends on: the modules that have run, the stacks' own layers, and
    the templates of what is emitted. To be called when all is rendered."""
    folders = registry.folders()
    modules = sorted({Path(file) for name, module in sys.modules.items() if name.split(".")[0] == __package__
                      and (file := getattr(module, "__file__", None)) and Path(file).parent not in folders})
    found = modules + sorted((Path(__file__).parent / "load").glob("*.lua"))
    for name in sorted({layer.name for stack in stacks for layer in stack.layers}):
        found += registry.pair(name)
    found += sorted((paths.templates_dir() / "artefacts").glob("*.j2"))
    found.append(paths.style_file())
    return [str(path) for path in found]


def output_names(stack: Stack, options: Options) -> list[str]:
    """The files that a stack emits, without rendering them."""
    name = stack.name
    names = [f"{name}.h", f"{name}.c"]
    if options.generic:
        names += [f"{name}_generic.h", f"{name}_generic.c"]
    if options.tests:
        names += [f"test_{name}.cpp", f"test_{name}_flat.c"]
        if options.generic:
            names.append(f"test_{name}_generic.c")
    return [*names, f"{name}.md", "manifest.json"]


def all_stacks(specs: Sequence[str], options: Options, diags: Diagnostics) -> list[tuple[Stack, str, tuple[str, ...]]]:
    """Every legal stack of every spec, with its spec and what was read for it. Names that two specs claim are an error."""
    out: list[tuple[Stack, str, tuple[str, ...]]] = []
    seen: dict[str, Stack] = {}
    for spec in specs:
        stacks, inputs = stacks_of(spec, options, diags)
        for stack in stacks:
            if stack.name in seen:
                diags.error("LAM030", stack.span, f'the stack "{stack.name}" is declared twice',
                            notes=[(seen[stack.name].span, "first declared here")], help="give each stack a name of its own")
                continue
            seen[stack.name] = stack
            out.append((stack, spec, inputs))
    return out


def load_all(specs: Sequence[str], options: Options, diags: Diagnostics,
             settle: Callable[[Stack], Options] | None = None) -> list[Output]:
    """Every stack of every spec, rendered; nothing is rendered where a spec is wrong. `settle` gives a stack options
    of its own."""
    stacks = all_stacks(specs, options, diags)
    return [render_stack(stack, spec, inputs, settle(stack) if settle else options)
            for stack, spec, inputs in stacks] if diags.ok else []
