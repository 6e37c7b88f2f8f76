"""The catalogue of diagnostic codes: what `lamina explain LAM0xx` tells.

LAM001 to LAM019 but LAM014 belong to the loaders; the others are in `rule_codes`.  A code keeps its number for ever; a number that is no longer used is left
out and never given to another mistake.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of diagnostic: its number, what it is in a few words, and the long story."""

    id: str
    title: str
    text: str


_LOADER = (
    Code("LAM001", "a file can't be read", """\
The spec named on the command line is missing, may not be read, is not a regular file, is larger than 1 MiB, or
holds bytes that are not UTF-8.  Nothing else can be said about a spec that can't be read, so this is reported alone.

    $ lamina generate specs/conn_pol.lua
    error: can't read 'specs/conn_pol.lua': No such file or directory [LAM001]

Check the path: relative paths start from the current folder.  Save the file as UTF-8; a byte order mark and Windows
line ends are fine.
"""),
    Code("LAM002", "neither Lua nor YAML", """\
The language of a spec is told by its suffix: `.lua` for Lua 5.4, `.yaml` or `.yml` for YAML.  Any other name is
refused rather than guessed, since a guess would give misleading errors.

Rename the file.
"""),
    Code("LAM003", "Lua 5.4 is missing", """\
A spec in Lua runs in the real Lua 5.4, as a child process.  Other versions have no 64-bit integers or none of the
limits that keep a spec from running away: LuaJIT and Lua 5.1 to 5.3 don't do.

    $ apt-get install lua5.4

Lamina looks for `lua5.4`, `lua54`, `lua-5.4` and then a `lua` that reports 5.4.  The environment variable LAMINA_LUA
names another interpreter.  YAML specs need no Lua, and neither does building C that was generated before.
"""),
    Code("LAM004", "Lua syntax", """\
Lua could not compile the spec or a module that it requires.  The message is Lua's own; the line is the one on which
it stopped, which may be after the mistake: a missing `}` or `end` shows only where the next thing begins.

    specs/pool.lua:5:3: error: '}' expected (to close '{' at line 3) near 'lamina' [LAM004]
        5 |   lamina.slab { slot = 64 },
          |   ^~~~~~

Here the comma after the entry above is missing.
"""),
    Code("LAM005", "the Lua spec raised an error", """\
The spec was compiled and an error was raised while it ran: an operation on nil, a call of `error` or `assert` that
nothing caught, a library function with the wrong argument.  The place is the line where it happened; only the first
error can be shown, since nothing after it ran.

    specs/pool.lua:3: error: attempt to index a nil value (global 'os') [LAM005]
        3 | local home = os.getenv("HOME")
    help: specs run in a sandbox: no io, os, debug, package, load, dofile or collectgarbage

A spec runs in a sandbox so that it gives the same result everywhere and may be read from anywhere: it has Lua's
string, table, math, utf8 and coroutine libraries and `require` for neighbouring files.  `pairs` goes in a fixed order,
`math.random` starts from a fixed seed, finalizers (`__gc`) are refused, and addresses (`%p`, `tostring({})`) are not
shown.
"""),
    Code("LAM006", "the Lua spec does not end", """\
The spec ran longer than any spec needs: 50 million instructions, or two seconds of processor time.  It was ended
from outside, so `pcall`, a coroutine or a closing value can't catch it.  The place is the line that was being run.

    local n = 1
    while n ~= 10 do n = n + 2 end          -- never 10: LAM006 on this line

A pattern with several `*`, `+` or `-` tries every way to divide the text between them, which for a text of some
hundred characters can take years: anchor it with `^`, use classes that exclude each other, or split the text first.
"""),
    Code("LAM007", "the Lua spec uses too much memory", """\
A spec may hold 32 MiB, and `string.rep` makes at most 8 MiB at once; a spec that describes some stacks needs
thousandths of that.  The run ends and the error can't be caught.  The place is the line that asked for more, or the
`pcall` around it.

    local s = "x"
    while #s < 1e9 do s = s .. s end        -- LAM007 on this line

Look for a loop that grows a table or a string without an end.
"""),
    Code("LAM008", "a module can't be required", """\
`require "name"` looks for `name.lua` and `name/init.lua` beside the spec and in the folders given with `--include`;
a point in the name is a folder, `require "parts.common"` is `parts/common.lua`.  Refused are: names that hold
anything but letters, digits, `_`, `-` and points between them (so no `..`, no absolute path), links that lead out of
those folders, compiled Lua, binary modules, and modules that require each other in a circle.

    specs/pool.lua:2: error: module 'common' was not found [LAM008]

Name the folder with `--include`, or move what two modules need from each other into a third.  The restriction is
what makes the list of a spec's inputs, and with it the build's dependencies, complete.
"""),
    Code("LAM009", "the Lua spec returns no stack", """\
A spec ends with `return` and one stack, several, or a list of them.  Without `return` nothing is emitted, however
many stacks were made.

    local lamina = require "lamina"
    lamina.stack "pool" { lamina.system {}, lamina.slab { slot = 64 } }     -- made and forgotten: LAM009

    return lamina.stack "pool" { … }                                         -- right
    return { web, game }                                                     -- right, two stacks
"""),
    Code("LAM010", "something that is not a layer among layers", """\
The entries of a stack, and of a branch such as fallback's, are layers.  Something else stands there: a string, a
number, a function that was not called, a mapping with two keys.

    lamina.stack "pool" { "system", lamina.slab }          -- LAM010 twice
    lamina.stack "pool" { lamina.system {}, lamina.slab { slot = 64 } }

    layers:
      - slab: { slot: 64 }
        poison: {}            # LAM010: a dash is missing before 'poison'

In Lua, `false` and `nil` among layers are skipped, so that `debug and lamina.poison {}` may stand there.
"""),
    Code("LAM011", "named and positional values mixed up", """\
A layer takes named parameters, a stack takes options by name and layers by position, and any other table is either
a list or a set of named values.

    lamina.slab { 64 }                     -- LAM011: which parameter is 64?
    lamina.slab { slot = 64 }
    lamina.stack { name = "pool" }         -- LAM011 or LAM009: the name stands before the table
    lamina.stack "pool" { … }

A list may have no holes: `{ 1, nil, 3 }` is refused, since Lua doesn't say how long it is.
"""),
    Code("LAM012", "a value that a spec can't hold", """\
A spec is made of strings, integers, other numbers, true and false, lists and named values.  Functions, coroutines,
tables that contain themselves, keys that are neither names nor positions, strings that are not UTF-8 text, and
integers that don't fit in 64 bits mean nothing in it.

    lamina.slab { slot = slot_size }       -- LAM012 if slot_size is a function: write slot_size()
    lamina.fallback { primary = lamina.mmap }   -- LAM012: write lamina.mmap {}
"""),
    Code("LAM013", "YAML syntax", """\
The YAML could not be parsed.  The place is where the parser stopped, and a note says what it was reading: usually the
mistake is between the two.

    specs/pool.yaml:4:1: error: YAML syntax: found character '\\t' that cannot start any token [LAM013]

Indent with spaces, never tabs.  Quote a string that holds `: ` or ` #`, or that starts with one of
`[ ] { } , & * ! | > ' " % @`.
"""),
    Code("LAM015", "a key stands twice", """\
YAML forbids two equal keys in one mapping, and readers that allow it drop one of them silently.  The note shows the
first.

    - slab: { slot: 64, count: 100, slot: 48 }     # LAM015

Remove one.  A key that comes with a merge (`<<: *anchor`) is not a duplicate: the mapping's own key wins.
"""),
    Code("LAM016", "YAML that a spec doesn't use", """\
A spec is one YAML document of plain values.  Refused are: several documents in one file, tags other than YAML's own
for strings, numbers, lists and mappings (`!!python/object` above all, which in other programs runs code), a tag that
its value contradicts, and an alias inside what it names.

Put several stacks into one list under `stacks:`.  Leave tags out: `"64"` is a string, `64` a number.
"""),
    Code("LAM017", "the YAML is not built like a spec", """\
At the top stands `stacks:`, a list of stacks, or the keys of one stack.  A stack has `name`, a string, and `layers`,
a list from the memory up; what else stands beside them are its options.

    stacks:
      - name: pool
        brief: connections
        layers:
          - system
          - slab: { slot: 64, count: 1024 }

Keys at the top that start with `x-` are for anchors and are otherwise ignored.
"""),
    Code("LAM018", "runaway recursion", """\
Functions of the Lua spec call each other deeper than 10,000 calls, or a metamethod calls itself without an end.  As
with an endless loop, this can't be caught.

    local function size(n) return size(n + 1) end     -- LAM018: nothing ends it

Give the recursion an end, or write a loop.
"""),
    Code("LAM019", "the spec is too large", """\
A spec may describe 50,000 values, nested 24 tables deep in Lua and 64 levels deep in YAML.  Aliases in YAML and tables
used several times in Lua count as often as they are used, since a few lines of them can unfold to billions
of values.

No real stack comes near these bounds: look for a table that is put into itself in a loop, or split the spec.
"""),
)

CODES: dict[str, Code] = {code.id: code for code in _LOADER}
