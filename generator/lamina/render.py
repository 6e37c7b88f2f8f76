"""Views to text: Jinja2, strict, and nothing decided here."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

from . import registry, views
from .compose import Composer
from .model import Const, Stack


def environment() -> Any:
    """The one Jinja2 environment; compiled templates are kept in the user's cache folder."""
    import jinja2

    def cache() -> Any:
        import os
        from pathlib import Path

        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        folder = Path(base) / "lamina" / "templates"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return jinja2.FileSystemBytecodeCache(str(folder))
        except OSError:
            return None  # no cache is no error: it costs a fraction of a second

    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader([str(p) for p in registry.template_folders()]),
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=False, bytecode_cache=cache(), extensions=["jinja2.ext.do"])
    env.filters["k"] = lambda name, bound: bound.k[name]
    return env


_shared = functools.lru_cache(maxsize=1)(environment)


def constants(stack: Stack) -> list[Const]:
    """All numbers of the stack, from the memory up: the header documents the whole layout."""
    out: dict[str, Const] = {}
    for layer in stack.layers:
        for const in layer.consts.values():
            out.setdefault(const.name, const)
    return list(out.values())


class Renderer:
    """The artefacts of one stack."""

    def __init__(self, stack: Stack, spec: str, command: str) -> None:
        self.stack, self.env = stack, _shared()
        self.composer = Composer(stack, self.env)
        self.spec, self.command = spec, command

    def _render(self, template: str, **context: Any) -> str:
        return self.env.get_template(f"artefacts/{template}").render(**context)

    def flat(self) -> dict[str, str]:
        """Header and source. The first pass finds which runtime headers the text uses."""
        S, M = views.flat(self.composer, self.spec, self.command)
        S.constants, S.header_includes, S.source_includes = constants(self.stack), [], []
        header = self._render("flat.h.j2", S=S, M=M)
        source = self._render("flat.c.j2", S=S, M=M)
        S.header_includes = ["core.h", *views.headers_for(header)]
        S.source_includes = [h for h in views.headers_for(source) if h not in S.header_includes]
        self.S, self.M = S, M
        name = self.stack.name
        return {f"{name}.h": self._render("flat.h.j2", S=S, M=M), f"{name}.c": self._render("flat.c.j2", S=S, M=M)}

    def twin(self) -> dict[str, str]:
        """Header and source of the generic twin; after `flat`, whose constants it shares."""
        from .twin import generic

        S, M = generic(self.composer, self.spec, self.command)
        S.header_includes, S.source_includes = [], []
        header = self._render("generic.h.j2", S=S, M=M)
        source = self._render("generic.c.j2", S=S, M=M)
        S.header_includes = [h for h in views.headers_for(header) if h not in self.S.header_includes]
        S.source_includes = [h for h in views.headers_for(source) if h not in S.header_includes + self.S.header_includes]
        self.twin_view = S
        name = f"{self.stack.name}_generic"
        return {f"{name}.h": self._render("generic.h.j2", S=S, M=M), f"{name}.c": self._render("generic.c.j2", S=S, M=M)}

    def artefacts(self, generic: bool, tests: bool) -> dict[str, str]:
        """Every file of the stack, but for the manifest, which needs the formatted text."""
        files = self.flat()
        if generic:
            files.update(self.twin())
        if tests:
            files.update(self.tests(generic))
        files[f"{self.stack.name}.md"] = self.page()
        return files

    def tests(self, generic: bool) -> dict[str, str]:
        """The Catch2 file and one adapter per form."""
        name = self.stack.name
        out: dict[str, str] = {}
        shown = [(self.S, "flat")] + ([(self.twin_view, "generic")] if generic else [])
        for S, form in shown:
            views.subject(self.composer, S, form)
            out[f"test_{name}_{form}.c"] = self._render("subject.c.j2", S=S)
        forms = views.test_forms(self.S, self.twin_view if generic else None)
        contract = [(fn, about) for fn, about, concerns in views.CONTRACT if concerns(self.S)]
        cases = self.composer.test_cases(forms)
        out[f"test_{name}.cpp"] = self._render("test.cpp.j2", S=self.S, forms=forms, contract=contract, cases=cases)
        return out

    def page(self) -> str:
        """The Markdown page."""
        return self._render("page.md.j2", S=self.S, M=self.M, stack=self.stack)
