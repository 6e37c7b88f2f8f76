"""The catalogue of the codes that follow the loaders': what `validate`, `resolve` and the layers refuse.

LAM020 to LAM039 are about a spec's form, LAM040 to LAM061 about stacks that can't work.  LAM014 belongs here too, and
LAM064, which is about what a stack costs.
"""

from __future__ import annotations

from .codes import Code

_RULES = (
    Code("LAM014", "a slot too small for its payload and canaries", """\
A slot of a slab holds the payload and, where the stack has canaries, the secret bytes on its sides; the canary before
the payload also takes what the payload's alignment needs.  The three don't fit into the slot that the spec gives.

    specs/pool.lua:5:17: error: slot of 40 bytes can't hold a 16-byte canary and 32 bytes of payload [LAM014]
        5 |   lamina.slab { slot = 40, payload = 32 },
          |                 ^~~~~~~~~
    specs/pool.lua:6:3: note: canary adds 8 bytes before and 8 behind the payload here
    help: slot = 48 is the smallest that fits

Take the slot that the remedy names, give `payload` alone and let the slot follow from it, or make the canaries smaller.
"""),
    Code("LAM020", "no such layer", """\
The spec names a layer that Lamina doesn't have.  Where a name is near, the message asks whether it was meant, and the
rest of the stack is read as if it had been, so that other mistakes are told in the same run.

    lamina.slob { slot = 64 }              -- LAM020: did you mean "slab"?

`lamina list-layers` shows all layers.  Folders of further layers are named in the environment variable LAMINA_LAYERS.
"""),
    Code("LAM021", "no such parameter or option", """\
A layer, the stack or its budget was given a key that it doesn't know.  Unknown keys are never ignored: a misspelt
`cuont = 64` would otherwise give a slab of another size without a word.

    lamina.slab { slot = 64, cuont = 64 }  -- LAM021: did you mean "count"?

`lamina explain slab` lists a layer's parameters; the reference of specs lists the stack's options.
"""),
    Code("LAM022", "a value of the wrong type", """\
A parameter was given a value of another type than it takes.  Nothing is converted silently: `"64"` is text and `64` a
number, and in Lua `64 / 2` is a number with a fraction, `64 // 2` is not.

    lamina.slab { slot = 64, count = "64" }          -- LAM022: leave the quotes out
    lamina.numa { bind = 0 }                          -- LAM022: bind takes a list, { 0 }
    lamina.mmap { populate = "true" }                 -- LAM022: true, without quotes
"""),
    Code("LAM023", "a value out of range", """\
The value has the right type and is none of those that the parameter takes: a number outside its bounds, a word that is
not among the choices, a list that is empty or names something twice, a combination that leaves a layer without work.

    lamina.canary { size = 65 }                       -- LAM023: 65 is outside 1 to 64
    lamina.slab { slot = 64, order = "filo" }         -- LAM023: did you mean "fifo"?
    lamina.guard { head = false, tail = false }       -- LAM023: guard guards nothing

The message gives the bounds or the choices.
"""),
    Code("LAM024", "a unit or percentage that can't be read", """\
Sizes are whole numbers of bytes, or strings of a whole number and a unit: B, KiB, MiB, GiB, TiB, page, pages.  Units
are powers of 1,024 and their letters count: `kb`, `KB` and `K` mean different things to different people and are
refused.  `pages` follows the option `page_size`.  Levels of a watermark are whole numbers, or strings in percent.

    lamina.mmap { size = "64 kb" }                    -- LAM024: did you mean "64 KiB"?
    lamina.mmap { size = "1.5 MiB" }                  -- LAM024: write "1536 KiB"
    lamina.watermark { levels = { "80" } }            -- LAM024: write "80 %"
"""),
    Code("LAM025", "something that is needed is missing", """\
A parameter that a layer can't do without is not there, neither in the spec nor to be derived from the layers around it:
the size of a slab's slots, a slab's count where its source has no size either, the number that a mode goes with.

    lamina.mmap {},
    lamina.slab { slot = 64 }                         -- LAM025: how many?  count = 1024, or mmap { size = "64 KiB" }

The remedy names what to write.
"""),
    Code("LAM026", "no layers, or no source of memory", """\
Every stack, and every branch of a fall-back, begins with exactly one source: the layer that memory comes from.

    return lamina.stack "pool" {
      lamina.slab { slot = 64, count = 100 },         -- LAM026: from where?
    }

Begin with `lamina.mmap {}` for pages of the operating system, `lamina.static {}` for a buffer in the program itself,
`lamina.caller {}` for one that the caller brings, or `lamina.system {}` for the process's heap.
"""),
    Code("LAM027", "no store", """\
A source gives one range of memory; a store cuts it up.  Only `lamina.system` is both.

    return lamina.stack "pool" { lamina.mmap { size = "1 MiB" } }      -- LAM027

Add `lamina.bump {}` for blocks of any size that are freed together, or `lamina.slab { slot = … }` for objects of one
size that are freed one by one.
"""),
    Code("LAM028", "a layer where there is no place for it", """\
A branch has one source and one store, a stack at most one access layer and one combinator, and no layer stands twice.
Layers stand below a combinator only inside its branches; who may enter and what is counted stands above it.

    lamina.mmap {}, lamina.slab { slot = 64 }, lamina.bump {}           -- LAM028: bump is a second store
    lamina.single {}, lamina.mutex {}                                    -- LAM028: one of them
    lamina.numa { bind = {0} }, lamina.fallback { … }                    -- LAM028: write numa inside a branch

Two stores are two stacks: a file may return several.
"""),
    Code("LAM029", "how the order was read", """\
A note, not an error.  Where a layer can only mean one thing, it may stand anywhere, and the note says how it was read:

    lamina.mmap { reserve = "64 MiB", commit = "lazy" },
    lamina.poison { on_free = 0xDE },                 -- note: read as standing above slab: it acts on each slot
    lamina.slab { slot = 64 },

Layers that act on each block stand above the store, layers that act on the memory below it, canaries right at the
payload, and observers and access layers above all of these.  Write it in that order and the note is gone, or silence
it with `-W no-LAM029`.  Where the order changes the meaning it is never changed; see "Order" in the guide to specs.
"""),
    Code("LAM030", "a stack's name", """\
The name leads every function, type and file that is emitted, so it is 1 to 48 of the letters a to z, digits and
underscores, begins with a letter, is no word of C or C++, would not collide with the C library (`size` would give
`size_t`, `aligned` would give `aligned_alloc`) or the runtime, and is used once.  Names ending in `_generic` belong to
the generic twins.

    lamina.stack "conn-pool" { … }                    -- LAM030: conn_pool
    lamina.stack "size" { … }                         -- LAM030: my_size

It is also what `--stack` was given when the file has no stack of that name.
"""),
    Code("LAM032", "parameters of which one is to be chosen", """\
Some parameters say the same thing in different words, and exactly one of them is to be given; others only mean
something together.

    lamina.numa { bind = {0}, preferred = {1} }       -- LAM032: one policy
    lamina.mmap { size = "1 MiB", reserve = "1 MiB" } -- LAM032: reserve is the word for a lazy commit
    lamina.quarantine {}                              -- LAM032: count or bytes
    lamina.bump { limit = "64 KiB" }                  -- LAM032: goes with reset = "limit"
"""),
    Code("LAM040", "an alignment that can't be", """\
Alignments are powers of two.  Slots of a slab stand one behind the other, so a slot's size is a multiple of its
alignment: otherwise only some of the objects would be aligned.

    lamina.slab { slot = 48, align = 32 }             -- LAM040: slot = 64
    lamina.slab { slot = 48, align = 24 }             -- LAM040: 16 and 32 are powers of two

Give `payload = 48, align = 32` and the slot follows.
"""),
    Code("LAM041", "a block too small for a link", """\
A free slot holds the link to the next free one, 8 bytes, or 16 with `link = "mac"`; a free from another thread links
through the payload as well.  The slot leaves no room for it.

    lamina.slab { slot = 4 }                          -- LAM041: slot = 8

Take larger slots, `order = "address"` or `"random"`, which keep no links in the slots, or move MAC'd links out with
`lamina.split_metadata {}`.
"""),
    Code("LAM042", "a block that leaves a layer no room", """\
What a layer writes into a freed block lies behind the slab's link, and there is nothing behind it: a poison without a
byte to write detects nothing, and a quarantine without a poison needs 8 bytes for its seal.

    lamina.slab { slot = 8 }, lamina.poison {}        -- LAM042: the link takes the whole slot

Take larger slots, or an `order` that keeps no links in the slots ("address", "random").
"""),
    Code("LAM043", "an allocator of nothing", """\
The store comes out with no slot, no chunk or no byte: a count of 0, or memory that is smaller than what one block with
its metadata needs.

    lamina.slab { slot = 64, count = 0 }              -- LAM043
    lamina.static { bytes = 32 }, lamina.slab { slot = 64 }             -- LAM043: at least 64 are needed

The remedy gives the least that works.
"""),
    Code("LAM044", "memory aligned to less than the store promises", """\
Objects can be aligned to no more than the memory that they are cut from.  mmap gives whole pages, static and caller
what their parameter `align` says.  For a fall-back, the objects of the second branch must be aligned like those of the
first, since the caller can't know which served.

    lamina.caller { align = 16 }, lamina.slab { slot = 64, align = 64 } -- LAM044: caller { align = 64 }

Elsewhere this is a run-time failure of some objects on some days.
"""),
    Code("LAM045", "a range layer over memory that isn't the operating system's", """\
Memory policies, guard pages and mappings of their own work on pages of the operating system.  A buffer in the program
image, the caller's buffer and the system's heap have none to give: other things lie on the same pages.  Locked memory
is the system's, but is mapped, locked and wiped as a whole.

    lamina.static { bytes = "64 KiB" }, lamina.guard {}, lamina.bump {}  -- LAM045

Take `lamina.mmap {}` as the source.
"""),
    Code("LAM046", "a memory policy that comes too late", """\
A page is placed on a node when it is first touched, and a policy set after that moves nothing.  `populate` touches all
pages while they are mapped, before any policy can be set.

    lamina.mmap { populate = true }, lamina.numa { bind = {0} }, …       -- LAM046

Drop `populate`: the policy is set before the first touch.
"""),
    Code("LAM047", "a lazy commit that commits everything", """\
With `commit = "lazy"` memory is reserved without charge and committed as the store advances.  What touches all of it at
init undoes that.

    lamina.mmap { reserve = "1 GiB", commit = "lazy", populate = true }  -- LAM047

Drop one of the two.
"""),
    Code("LAM048", "ownership hidden above a fall-back", """\
A fall-back frees a block to the branch that owns its address.  A layer above it that shifts blocks or holds them back
would hide which branch that is, and the branches' slots differ.

    lamina.fallback { primary = { … }, secondary = { … } },
    lamina.quarantine { count = 16 },                 -- LAM048

Write the layer inside the branch that it is meant for.
"""),
    Code("LAM049", "a free that can't be routed", """\
Of a fall-back's two branches the first must know its own blocks, because a free is routed by asking it.  The system's
heap can't tell whether a pointer is its own.

    lamina.fallback { primary = { lamina.system {} }, secondary = { … } } -- LAM049: system goes last
"""),
    Code("LAM050", "a layer that never acts", """\
A bump frees no single block, so what acts on a free, or when a block is used again, never does: canaries would never
be looked at, a quarantine would stay empty, nothing could be freed from another thread.  A protection that looks as if
it were there is worse than none.

    lamina.mmap { size = "1 MiB" }, lamina.bump {}, lamina.quarantine { count = 8 }   -- LAM050

Take a slab, or drop the layer.  `poison` without `verify` and `zeroize` work over a bump: they act on reset and rewind.
"""),
    Code("LAM051", "a scrub that comes late", """\
Blocks go through the layers from the top when they are freed.  With poison or zeroize below a quarantine, a block rests
with its contents still there, and only loses them when it leaves: for as long as it rests a dangling pointer reads the
old object, and the quarantine has no pattern to verify.

    lamina.slab { slot = 64, count = 64 },
    lamina.poison {},                                 -- LAM051
    lamina.quarantine { count = 8 },

Write poison and zeroize after quarantine.
"""),
    Code("LAM052", "canaries outside the statistics", """\
Statistics count what passes them.  With a canary above, they would count bytes that no caller asked for.

    lamina.slab { slot = 64, count = 64 }, lamina.statistics {}, lamina.canary {}     -- LAM052

Write statistics after canary.
"""),
    Code("LAM053", "a quarantine as large as the slab", """\
A quarantine gives a block back only when the next one comes, so it always holds its full number once it has filled.
If that is all slots, every slot rests and alloc answers NULL for ever.  Over a caller's buffer, whose size shows at run
time, the same could happen with any small buffer.  As a warning: with a slab that grows, a quarantine that fills a
chunk by itself makes the slab grow for nothing.

    lamina.slab { slot = 64, count = 16 }, lamina.quarantine { count = 16 }           -- LAM053: count = 4

Take a smaller quarantine or more slots; over a caller's buffer, give the slab a count.
"""),
    Code("LAM054", "a remote queue below its batch", """\
The owner takes frees of other threads out of the bounded queue in batches.  A queue smaller than one batch never holds
a batch, so the number says something that never happens.

    lamina.owner { queue = "bounded", capacity = 8, batch = 64 }         -- LAM054: capacity = 64
"""),
    Code("LAM055", "a race between an observer and the lock", """\
The mutex covers what stands below it.  An observer above it runs outside the lock, and its plain counters or handler
would be used by several threads at once.

    lamina.mutex {}, lamina.statistics {}                                -- LAM055

Write the observer before the mutex, or, for statistics, `mode = "relaxed"` or `"sharded"`.
"""),
    Code("LAM056", "a real-time claim that is untrue", """\
`real_time = true` claims that every operation takes constant time.  The layer that the message points at takes time
that grows with something, waits for another thread, or asks the operating system.

    real_time = true,
    lamina.mmap { reserve = "1 GiB", commit = "lazy" },                  -- LAM056: each commit step is a system call

Drop the claim, or choose what is O(1): an eager mmap or a static buffer, slabs of fixed growth.  `lamina list-layers`
shows each layer's cost.
"""),
    Code("LAM057", "not to be had on the target", """\
The target, from the spec or from `--target`, lacks what the layer or one of its parameters is made of.  Without an
operating system there are no pages to map or protect, no threads, and no random bytes for secrets; Windows and macOS
have no memory policies that can be set on a range, and not every processor has every size of huge page.  It is
refused when the spec is read, `optional` or not, because a stack that could never do what its spec says would do
nothing without a word.

    target = "freestanding",
    lamina.mmap {}, …                                                    -- LAM057: lamina.static {}
    lamina.static {}, lamina.slab { slot = 32, link = "masked" }         -- LAM057: needs random bytes

    lamina generate --target windows-x86_64 specs/numa_slab.lua          -- LAM057: binding to memory nodes

A `page_size` below the target's own is refused for the same reason: init would answer LAMINA_ERR_PAGE_SIZE on every
machine.  `lamina explain` of a layer names its targets, and the page on platforms says what each of them has.
"""),
    Code("LAM058", "more than there is", """\
The numbers of two layers don't fit together, or don't fit into the machine: a source smaller than what the store above
needs with its metadata and guards, slots that 32-bit links can't reach, more guarded groups than a process may have
mappings, a second branch whose blocks are smaller than the first's.

Some bounds are the target's.  Linux lets a process have 65530 mappings by default (vm.max_map_count); Windows numbers
its memory nodes from 0 to 63.  Where addresses have 32 bits, a range is smaller than 2 GiB, since differences of
addresses are signed, and all ranges together are no more than 3 GiB, since the kernel keeps the rest.  What a process
can really map there is less: its program, libraries and stacks lie in between.

    lamina.static { bytes = "4 KiB" }, lamina.slab { slot = 64, count = 100 }         -- LAM058: bytes = 6400

The remedy gives the smallest number that works.  Leave the source's size out, and it follows from the store.
"""),
    Code("LAM059", "parameters that contradict each other", """\
A parameter is given that has no meaning with the others, or that another makes void.  It is refused rather than
ignored, because whoever wrote it expected something of it.

    lamina.mmap { step = "64 KiB" }                   -- LAM059: step goes with commit = "lazy"
    lamina.poison { on_free = false, verify = true }  -- LAM059: nothing is written that could be verified
    checks = "none", lamina.canary {}                 -- LAM059: canaries are verified on free

The remedy names the word to drop or the one that is missing.
"""),
    Code("LAM060", "a store that can't commit as it goes", """\
With `commit = "lazy"` the store tells the source how far it has come.  The store in question cuts up its memory without
an order, so it would have to commit all of it at once.

Take `commit = "eager"`, or a store that advances, such as slab or bump.  All stores that come with Lamina do.
"""),
    Code("LAM061", "two branches over the same memory", """\
Two branches of a combinator would cut up the same bytes.  `init_with` takes one buffer, so only one branch can have
the caller's.

    lamina.fallback { primary = { lamina.caller {}, … }, secondary = { lamina.caller {}, … } }   -- LAM061

Give one of them a source of its own.
"""),
    Code("LAM064", "over budget", """\
`lamina budget` counted more instructions than the stack's `budget` allows.  Only the flat form is held to it, compiled
as the command line says, by default with gcc -O2 for x86-64; no other command looks at the numbers.

    specs/pool.lua:5:3: error: "pool": an inlined alloc and free, with the loop around them, takes 16 instructions, the
    budget is 15 [LAM064]
        5 |   budget = { pair = 15 },
          |   ^~~~~~

Look at which layers the stack can do without, at their cheaper forms (`lamina explain` of a layer names its cost), or
raise the budget.  Another version of the compiler may need an instruction more or less.
"""),
    Code("LAM065", "memory that is never used", """\
A warning: the source is given more than a page (with a lazy commit, more than a commit step) beyond what the store can
ever hand out.  A slab with a count has so many slots and no more, however large the range is; it doesn't grow into
the rest unless it is told to.

    lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.slab { slot = 32, count = 64 }      -- LAM065: 2 KiB used

Drop the source's size, which then follows from the store; or drop the count, for as many slots as the source holds;
or say `growth = "extend"`, for chunks of `count` slots.
"""),
)

CODES: dict[str, Code] = {code.id: code for code in _RULES}
