"""Each parameter of each layer, each word that one takes and both answers to each question stand in some stack whose
tests are run: those of tests/stacks and the examples."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from lamina import registry
from lamina.descriptor import BranchKind, Choice, Flag, Param
from lamina.diagnostics import Diagnostics
from lamina.model import Stack
from lamina.pipeline import Options, stacks_of
from lamina.validate import OPTIONS

ROOT = Path(__file__).resolve().parents[2]
SPECS = [*sorted((ROOT / "tests" / "stacks").glob("*.lua")), *sorted((ROOT / "specs").glob("*.lua")),
         *sorted((ROOT / "specs").glob("*.yaml"))]

#: What no legal stack can say, with the reason.
NOWHERE = {("numa", "local", False): "LAM023: no policy"}
#: Of the targets, those whose tests run here, whatever machine this is; the others have tests of their own.
TARGETS = ("linux", "freestanding")


def wanted() -> Iterator[tuple[str, str, object]]:
    """(layer, parameter, value); None as the value where it is enough that the parameter is given."""
    for where, params in [("the stack", OPTIONS), *((name, desc.params) for name, desc in registry.layers().items())]:
        for param in params:
            if not isinstance(param.kind, BranchKind):
                yield where, param.name, None
                for value in TARGETS if (where, param.name) == ("the stack", "target") else _words(param):
                    yield where, param.name, value


def _words(param: Param) -> tuple[object, ...]:
    if isinstance(param.kind, Choice):
        return param.kind.names
    return (False, True) if isinstance(param.kind, Flag) else ()


@pytest.fixture(scope="module")
def stacks() -> list[Stack]:
    diags = Diagnostics()
    found = [stack for spec in SPECS for stack in stacks_of(str(spec), Options(), diags)[0]]
    assert not diags.errors, diags.render()
    return found


def test_every_parameter_and_every_word_is_in_a_tested_stack(stacks: list[Stack]) -> None:
    seen: set[tuple[str, str, object]] = set()
    for stack in stacks:
        for name in stack.option_spans:
            seen.add(("the stack", name, None))
        for param in OPTIONS:
            seen.add(("the stack", param.name, getattr(stack.options, param.name)))
        for layer in stack.layers:
            for param in layer.desc.params:
                if isinstance(param.kind, BranchKind):
                    continue
                if param.name in layer.given:
                    seen.add((layer.name, param.name, None))
                if _words(param):
                    seen.add((layer.name, param.name, getattr(layer.p, param.name)))
    missing = [it for it in wanted() if it not in seen and it not in NOWHERE]
    assert not missing, "\n".join(f"{layer}: {name}" + ("" if value is None else f" = {value!r}") for layer, name, value in missing)
    assert not [it for it in NOWHERE if it in seen], "no longer true"


def test_slabs_of_few_slots_are_tested(stacks: list[Stack]) -> None:
    counts = {layer.p.count for stack in stacks for layer in stack.layers if layer.name == "slab"}
    assert {1, 2, 3, 4} <= counts
