"""The layers, one module each; the registry finds them."""
