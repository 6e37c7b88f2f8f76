"""Parses JSON and drops it again; the argument says how much.

With the scanner that json.loads calls, but without `import json`: that imports re, whose start would be most of a small
trace.
"""

import sys
from _json import make_scanner


class Context:
    strict, memo = True, {}
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


scale = int(sys.argv[1]) if len(sys.argv) > 1 else 1
entry = '{"id": %d, "name": "name %d", "tags": ["a", "%d", null], "place": {"x": %f, "y": %d}}'
text = "[" + ", ".join(entry % (i, i, i, i / 3, -i) for i in range(40)) + "]"
scan = make_scanner(Context())
found = 0
for _ in range(4 * scale):
    for value in scan(text, 0)[0]:
        found += value["place"]["y"]
assert found == -780 * 4 * scale
