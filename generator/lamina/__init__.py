"""Lamina, a compiler for memory allocators: a spec in Lua or YAML becomes flat, specialized C."""

__version__ = "0.1.0"
