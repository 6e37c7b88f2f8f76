"""Comparing an allocator with its generic twin, with one written by hand, and with the general ones of the machine."""
