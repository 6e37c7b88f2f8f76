"""The JSON Schema of YAML specs, derived from the layers' descriptors and the stack's options."""

from __future__ import annotations

from typing import Any, Iterable

from . import registry
from .descriptor import Descriptor, Param, Pattern
from .validate import BUDGET, OPTIONS, RESERVED, TAKEN

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _properties(params: Iterable[Param]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for param in params:
        out[param.name] = {"description": param.doc, **param.kind.schema()}
        default = param.default
        if isinstance(param.kind, Pattern) and default is not False and default == (default & 0xFF) * 0x0101010101010101:
            default &= 0xFF
        if default not in (None, ""):
            out[param.name]["default"] = default
    return out


def _layer(layer: Descriptor) -> dict[str, Any]:
    out: dict[str, Any] = {"description": f"{layer.brief}. {layer.doc}", "type": "object",
                           "properties": _properties(layer.params), "additionalProperties": False}
    required = [param.name for param in layer.params if param.required]
    if required:
        out["required"] = required
    if layer.exactly_one:
        out["oneOf"] = [{"required": [name]} for name in layer.exactly_one]
    if not required and not layer.exactly_one:
        out["type"] = ["object", "null"]
    return out


def _bare(layer: Descriptor) -> bool:
    """Whether the layer's name alone is a layer."""
    return not layer.exactly_one and not any(param.required for param in layer.params)


def schema() -> dict[str, Any]:
    """The whole schema. Equal descriptors give equal schemas: keys stand in a fixed order."""
    layers = registry.layers()
    stack = {
        "type": "object",
        "required": ["name", "layers"],
        "properties": {
            "name": {
                "description": "Leads every function, type and file that is emitted.",
                "type": "string", "pattern": "^(?!lamina_|pthread)(?!.*_generic$)[a-z][a-z0-9_]{0,47}$",
                "not": {"enum": sorted(word for word in RESERVED | TAKEN if word.islower())},
            },
            "layers": {"$ref": "#/$defs/layers"},
            **_properties(OPTIONS),
            "budget": {"description": "Bounds that `lamina budget` holds the emitted code to.", "type": "object",
                       "properties": _properties(BUDGET), "additionalProperties": False, "minProperties": 1},
        },
        "additionalProperties": False,
    }
    return {
        "$schema": DIALECT,
        "$id": "lamina-spec.schema.json",
        "title": "A Lamina spec",
        "description": "One memory allocator, or several, each a stack of layers from the memory up.",
        "anyOf": [
            {
                "type": "object", "required": ["stacks"],
                "properties": {"stacks": {"description": "The stacks of this file.", "type": "array", "minItems": 1,
                                          "items": {"$ref": "#/$defs/stack"}}},
                "patternProperties": {"^x-": {"description": "Holds anchors; ignored otherwise."}},
                "additionalProperties": False,
            },
            {"$ref": "#/$defs/stack"},
        ],
        "$defs": {
            "stack": stack,
            "layers": {"description": "Layers, from the memory up.", "type": "array", "minItems": 1,
                       "items": {"$ref": "#/$defs/layer"}},
            "layer": {"anyOf": [
                {"enum": [name for name, layer in sorted(layers.items()) if _bare(layer)]},
                {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False,
                 "properties": {name: {"$ref": f"#/$defs/layer.{name}"} for name in sorted(layers)}},
            ]},
            **{f"layer.{name}": _layer(layer) for name, layer in sorted(layers.items())},
        },
    }
