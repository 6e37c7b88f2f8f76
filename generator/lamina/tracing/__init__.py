"""Traces of what real programs ask of malloc: recorded, told in words and pictures, replayed."""
