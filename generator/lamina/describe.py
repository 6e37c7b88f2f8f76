"""Layers, options and codes in words: for `explain`, `list-layers`, and the reference pages.

Everything here is derived from the descriptors and the catalogue of codes, so that what a user reads is what the
compiler does.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any, Iterable

from . import registry
from .codes import Code
from .descriptor import (Alignment, BranchKind, Choice, Descriptor, Flag, Int, Ints, Levels, Name, Param, Pattern, Role,
                         Size, in_units)
from .targets import shown
from .validate import BUDGET, OPTIONS

#: What each role is, from the memory up.
ROLES = {
    Role.SOURCE: "where memory comes from; one in each branch",
    Role.RANGE: "what is done to the memory as a whole",
    Role.STORE: "how the memory is cut up; one in each branch",
    Role.BLOCK: "what is done to each block",
    Role.COMBINATOR: "joins branches; at most one",
    Role.ACCESS: "which threads may use it; at most one",
    Role.OBSERVER: "what is counted, told or refused",
}
_PLACES = {
    Role.SOURCE: "First. A layer that stands below it is read as standing above it (LAM029).",
    Role.RANGE: "Between the source and the store; the order among several is kept and makes no difference. One above the "
                "store is read as standing below it (LAM029).",
    Role.STORE: "Above the source and the ranges, below the blocks.",
    Role.BLOCK: "Above the store. Blocks are allocated from the bottom up and freed from the top down, so the order among "
                "several counts. One below the store is read as standing above it (LAM029).",
    Role.COMBINATOR: "In the place of source and store; each branch has its own. Only access and observer layers stand "
                     "above it.",
    Role.ACCESS: "Above the blocks or the combinator. Observers below it run under its protection, those above it outside. "
                 "One further down is read as standing above the blocks (LAM029).",
    Role.OBSERVER: "Above the blocks or the combinator, on either side of the access layer; one further down is read as "
                   "standing above the blocks (LAM029).",
}


def by_role(layers: Iterable[Descriptor]) -> list[Descriptor]:
    """Layers from the memory up, and by name within a role."""
    order = list(ROLES)
    return sorted(layers, key=lambda layer: (order.index(layer.role), layer.name))


def kind(param: Param) -> str:
    """What a parameter takes."""
    it = param.kind
    if isinstance(it, Size):
        return f"size, {in_units(it.least)} to {in_units(it.most)}"
    if isinstance(it, Alignment):
        return f"power of two, {in_units(it.least)} to {in_units(it.most)}"
    if isinstance(it, Int):
        return f"integer, {it.least} to {it.most}"
    if isinstance(it, Ints):
        return f"list of integers, {it.least} to {it.most}, each once"
    if isinstance(it, Choice):
        return ", ".join(f'"{name}"' for name in it.names)
    if isinstance(it, Name):
        return "text of 1 to 79 characters" if it.text else "C identifier"
    words = {Flag: "true or false", Pattern: "byte, 8-byte word, or false", Levels: "list of 1 to 16 numbers or percentages",
             BranchKind: "list of layers"}
    return next((text for type_, text in words.items() if isinstance(it, type_)), it.label)


def default(param: Param) -> str:
    """A parameter's default as a spec would write it; "" where there is none."""
    value = param.default
    if isinstance(value, bool):
        return "true" if value else "false"
    if value in (None, ""):
        return ""
    if isinstance(param.kind, Pattern):
        byte = value & 0xFF
        return f"0x{byte:02X}" if value == byte * 0x0101010101010101 else f"0x{value:X}"
    if isinstance(param.kind, Size) and value >= 1024 and value % 1024 == 0:
        return f'"{in_units(value)}"'
    return f'"{value}"' if isinstance(value, str) else str(value)


def place(layer: Descriptor) -> str:
    """Where a layer stands, and what its place means."""
    if layer.innermost:
        return "Anywhere above the store: it is always read as the lowest of the blocks, since its bytes lie beside the " \
               "payload (LAM029)." if layer.role is Role.BLOCK else "Anywhere above the blocks: it is always read as the " \
               "lowest observer, below the access layer too, so that the others see what it refuses (LAM029)."
    if layer.whole:
        return "First. It is source and store in one, so a stack of it has no other store."
    return _PLACES[layer.role]


def codes_of(layer: Descriptor) -> list[str]:
    """The codes of the rules that a layer's own module holds."""
    text = Path(sys.modules[registry.__package__ + f".layers.{layer.name}"].__file__ or "").read_text(encoding="utf-8")
    found = set(re.findall(r'"(LAM\d{3})"', text)) | {code.id for code in layer.codes}
    if "never_acts(" in text:
        found.add("LAM050")
    if not layer.cost.startswith("O(1)") or "x.cost" in text:
        found.add("LAM056")
    if "x.needs =" in text or layer.needs or any(param.needs for param in layer.params):
        found.add("LAM057")
    if "x.needs_checks" in text:
        found.add("LAM059")
    if layer.exactly_one:
        found.add("LAM032")
    return sorted(found)


def needs(layer: Descriptor) -> list[tuple[str, str]]:
    """What values need of the platform, beyond the layer itself: the parameter, with its value where it depends on it."""
    out: list[tuple[str, str]] = []
    for param in layer.params:
        if isinstance(param.needs, str):
            out += [(param.name, param.needs)] if param.needs else []
        else:
            out += [(f'{param.name} = "{value}"' if isinstance(value, str) else f"{param.name} = {str(value).lower()}", what)
                    for value, what in param.needs.items()]
    return out


def facts(layer: Descriptor) -> dict[str, Any]:
    """All that is known of a layer, for programs."""
    return {
        "name": layer.name, "role": layer.role.value, "brief": layer.brief, "doc": layer.doc, "cost": layer.cost,
        "idea": layer.idea, "platforms": list(layer.targets), "needs": [*layer.needs, *(what for _, what in needs(layer))],
        "example": layer.example, "place": place(layer),
        "exactly_one_of": list(layer.exactly_one), "codes": codes_of(layer),
        "parameters": [{"name": param.name, "takes": kind(param), "default": default(param) or None,
                        "required": param.required, "doc": param.doc} for param in layer.params],
    }


def _wrap(text: str, indent: str = "", width: int = 100) -> str:
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False,
                         break_long_words=False)


def _default_words(param: Param) -> str:
    shown = default(param)
    return "required" if param.required else f"default {shown}" if shown else ""


def layer(desc: Descriptor) -> str:
    """A layer, as `lamina explain` tells it."""
    out = [f"{desc.name}: {desc.brief} ({desc.role.value} layer)", "", _wrap(desc.doc), ""]
    if desc.params:
        out.append("Parameters:")
        for param in desc.params:
            words = "; ".join(word for word in (kind(param), _default_words(param)) if word)
            out += [f"  {param.name}", _wrap(words, "      "), _wrap(param.doc, "      ")]
        if desc.exactly_one:
            out += ["", _wrap("Exactly one of " + ", ".join(desc.exactly_one) + " is given.")]
    else:
        out.append("It has no parameters.")
    out += ["", _wrap("Place: " + place(desc)), _wrap("Cost: " + desc.cost), _wrap("Targets: " + shown(desc.targets))]
    if needs(desc):
        out.append(_wrap("Needs of the target: " + "; ".join(f"{value}: {what}" for value, what in needs(desc))))
    if desc.idea:
        out.append(_wrap("Idea: " + desc.idea))
    out.append(_wrap("Codes: " + ", ".join(codes_of(desc))))
    if desc.example:
        out += ["", "Example:", textwrap.indent(desc.example, "  ")]
    return "\n".join(out) + "\n"


def code(it: Code) -> str:
    """A code, as `lamina explain` tells it."""
    return f"{it.id}: {it.title}\n\n{it.text.rstrip()}\n"


# Pages -------------------------------------------------------------------------------------------------------------

_NOTE = "<!-- Written by `lamina reference -o docs`: do not edit. -->\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(params: Iterable[Param]) -> list[str]:
    out = ["| parameter | takes | default | meaning |", "|---|---|---|---|"]
    for param in params:
        shown = "required" if param.required else f"`{default(param)}`" if default(param) else "–"
        takes = ", ".join(f"`{name}`" for name in param.kind.names) if isinstance(param.kind, Choice) else kind(param)
        out.append("| " + " | ".join(map(_cell, (f"`{param.name}`", takes, shown, param.doc))) + " |")
    return out


def spec_reference() -> str:
    """The reference of specs: options, layers, parameters, rules."""
    known = registry.all_codes()
    layers = by_role(registry.layers().values())
    out = ["# Reference of specs", "", _NOTE,
           "How a spec is written is told in [spec-language.md](spec-language.md), what each code means in "
           "[diagnostics.md](diagnostics.md). Sizes are bytes, or strings with a unit: `\"64 KiB\"`, `\"4 pages\"`. A default "
           "of – means: absent, or derived as the meaning says.", "",
           "## Options of a stack", "", *_table(OPTIONS), "",
           "`budget` is a table of bounds in instructions that `lamina budget` holds the emitted code to:", "",
           *_table(BUDGET), "", "## Layers", "",
           "| role | what it is | layers |", "|---|---|---|"]
    for role, words in ROLES.items():
        names = ", ".join(f"[{x.name}](#{x.name})" for x in layers if x.role is role)
        out.append(f"| {role.value} | {words} | {names} |")
    out += ["", "## Order", "",
            "Layers are written from the memory up. What a layer's place means, and how one is read that stands elsewhere:", "",
            "| layers | place |", "|---|---|"]
    places: dict[str, list[str]] = {}
    for desc in layers:
        places.setdefault(place(desc), []).append(f"[{desc.name}](#{desc.name})")
    out += [f"| {', '.join(names)} | {words} |" for words, names in places.items()]
    out += ["", "An order that would make a layer useless or its numbers wrong is an error: " +
            ", ".join(f"[{name}](diagnostics.md#{name.lower()}) ({known[name].title})"
                      for name in ("LAM048", "LAM051", "LAM052", "LAM055")) + "."]
    for desc in layers:
        out += ["", f"## {desc.name}", "", f"*{desc.role.value}*: {desc.brief}.", "", desc.doc, ""]
        if desc.params:
            out += [*_table(desc.params), ""]
            if desc.exactly_one:
                out += ["Exactly one of " + ", ".join(f"`{name}`" for name in desc.exactly_one) + " is given.", ""]
        else:
            out += ["It has no parameters.", ""]
        if desc.example:
            out += ["```lua", desc.example, "```", ""]
        out += [f"- Place: {place(desc)}", f"- Cost: {desc.cost}.", f"- Targets: {shown(desc.targets)}."]
        if needs(desc):
            out.append("- Needs of the [target](platforms.md#what-a-spec-can-ask-for): "
                       + "; ".join(f"`{value}`: {what}" for value, what in needs(desc)) + ".")
        if desc.idea:
            out.append(f"- Idea: {desc.idea}.")
        out.append("- Rules: " + ", ".join(f"[{name}](diagnostics.md#{name.lower()})" for name in codes_of(desc)) + ".")
    return "\n".join(out) + "\n"


def diagnostics() -> str:
    """The list of codes with their stories."""
    known = registry.all_codes()
    out = ["# Diagnostics", "", _NOTE,
           "`lamina explain LAM014` prints one of these. A code keeps its number for ever; numbers that are missing are not "
           "used. LAM029 is a note, LAM053 an error or a warning, LAM065 a warning, all others are errors.", "", "| code | about |", "|---|---|"]
    out += [f"| [{it.id}](#{it.id.lower()}) | {_cell(it.title)} |" for it in known.values()]
    for it in known.values():
        out += ["", f"## {it.id}", "", f"**{it.title[0].upper()}{it.title[1:]}**", "", *_story(it.text)]
    return "\n".join(out) + "\n"


def _story(text: str) -> list[str]:
    """A code's text as Markdown: what is indented by four or more is code already."""
    return text.rstrip().split("\n")


