-- Table constructors in every form that the scanner has to tell apart: "at" strings must be found where they stand.
local lamina = require "lamina"

local M = { helper = { k0 = "unused" } }
function M.empty() return {} end
function M.helper.pick(t) return t end
local function wrap(o) return lamina.wrapped(o) end

local text = "}" .. '{' .. [[ }} ]] .. [==[ ]] } ]==] --[[ { ]] --[==[ } ]==] -- {
local numbers = 0x1p-3 + 1e-3 + 3. + .5 + 0xA.8p1 - 1e+2
local joined = 1 .. 2 .. #{ 1, 2 }

local made = {}
for i = 1, 2 do
  made[i] = lamina.looped { k1 = "at 2", k2 = { "at 3", "at 4"; "at 5" }, i = i }
end

local nested = M.helper.pick { lamina.inner { k3 = "at 6" }, lamina.inner { ["k4"] = "at 7" } }

return lamina.stack "forms" {
  k5 = "at 8", k6 = { k7 = { k8 = { "at 9", { "at 10" } } } },
  kf = (function(a, ...) local t = { ... } if a then return "x" elseif t[1] then return "y" else return "z" end end)(1, 2),
  lamina.plain{k9="at 11"}, lamina.plain	{	k10	=	"at 12"	},
  lamina.parens({ k11 = "at 13" }), lamina.parens ( { k12 = "at 14" } ), (lamina.parens) { k13 = "at 15" },
  lamina["quoted"] { k14 = "at 16" }, M.helper.pick(lamina.passed { k15 = "at 17" }),
  wrap { k16 = "at 18" }, made[1], made[2],
  lamina.branches { k17 = nested, k18 = { lamina.leaf(), lamina.leaf { k19 = "at 19" } }, k20 = #M.empty() },
  lamina.block { k21 = (function() local n = 0 for i = 1, 3 do n = n + i end while n > 3 do n = n - 1 end
    repeat n = n + 1 until n > 5; return "x, {" end)(), k22 = "at 21" },
  lamina.multi {
    k23 = "é€😀", k24 = "at 22",
    k25 = M.helper.pick "at 23",
    [("k" .. 26)] = "computed",
  },
  lamina.last { k27 = M.empty().x or "at 25" }, lamina.numbers { a = numbers, b = joined, c = text },
}
