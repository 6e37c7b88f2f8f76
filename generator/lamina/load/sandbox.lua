-- The world that a spec sees: Lua's own library without what reaches outside, runs unbounded, or differs from run
-- to run.  Lua's count hook bounds what runs in the interpreter but not what runs inside one library function, so
-- the functions here bound those.
--
-- host: fatal(code, place, message, help) ends the run and cannot be caught; here(level) -> place;
-- refuse(code, message, place, help) raises an ordinary error; watch() notes the line that is being run in case
-- the run has to be ended from outside; charge(n) counts n instructions; print(text); adopt(co) bounds a coroutine;
-- require(name); lost(error, co) ends the run where an error must not be caught.

local STRING_LIMIT = 8 * 1024 * 1024
local UNPACK_LIMIT = 65536
local MOVE_LIMIT = 4000000
-- A search that may take more steps than this leaves its line behind first: a millisecond or so.
local WATCH_STEPS = 1e6

local rawmeta = debug.getmetatable
local ceil = math.ceil
local mtype = math.type

local assert, error, getmetatable, ipairs, next, pcall, rawequal, rawget, rawlen, rawset, select, setmetatable, tonumber,
  tostring, type, xpcall = assert, error, getmetatable, ipairs, next, pcall, rawequal, rawget, rawlen, rawset, select,
  setmetatable, tonumber, tostring, type, xpcall
local find, format, gmatch, gsub, match, rep = string.find, string.format, string.gmatch, string.gsub, string.match,
  string.rep
local concat, insert, move, pack, remove, sort, unpack = table.concat, table.insert, table.move, table.pack,
  table.remove, table.sort, table.unpack
local random, randomseed = math.random, math.randomseed
local close, create, resume, running, status, yield, isyieldable = coroutine.close, coroutine.create, coroutine.resume,
  coroutine.running, coroutine.status, coroutine.yield, coroutine.isyieldable

return function(host)
  local env = {}
  env._G = env
  env._VERSION = _VERSION
  env.assert, env.error, env.ipairs, env.rawequal, env.rawget, env.rawlen, env.rawset = assert, error, ipairs, rawequal,
    rawget, rawlen, rawset
  env.select, env.tonumber, env.type, env.getmetatable = select, tonumber, type, getmetatable
  env.require = host.require

  -- An address would make the output differ from run to run.
  local function show(value)
    local kind = type(value)
    if kind == "string" then return value end
    local meta = rawmeta(value)
    if kind == "number" or kind == "boolean" or kind == "nil" or (meta and rawget(meta, "__tostring") ~= nil) then
      return tostring(value)
    end
    local name = meta and rawget(meta, "__name")
    return type(name) == "string" and name or kind
  end
  env.tostring = show

  function env.print(...)
    local words = pack(...)
    for i = 1, words.n do words[i] = show(words[i]) end
    host.print(concat(words, "\t", 1, words.n) .. "\n")
  end

  -- Errors that a spec may catch, and those that end it: memory and stack that ran out leave nothing to go on with.
  local function settle(co, ok, ...)
    if not ok then host.lost((...), co) end
    return ok, ...
  end

  function env.pcall(f, ...)
    return settle(nil, pcall(f, ...))
  end

  function env.xpcall(f, handler, ...)
    if type(handler) ~= "function" then
      error("bad argument #2 to 'xpcall' (function expected, got " .. type(handler) .. ")", 2)
    end
    return settle(nil, xpcall(f, function(message, ...)
      host.lost(message)
      return handler(message, ...)
    end, ...))
  end

  -- Finalizers run where no hook is called, so an endless one could not be stopped.
  function env.setmetatable(t, meta)
    if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
      error("a spec can't have finalizers (__gc)", 2)
    end
    return setmetatable(t, meta)
  end

  -- Traversal in a fixed order, since Lua's own differs from run to run: numbers, then strings, then booleans.
  local RANK = { number = 1, string = 2, boolean = 3 }
  local function before(a, b)
    local p, q = type(a), type(b)
    if p ~= q then return RANK[p] < RANK[q] end
    if p == "boolean" then return not a and b end
    return a < b
  end
  local function sorted_keys(t)
    local keys, n = {}, 0
    for key in next, t do
      if not RANK[type(key)] then
        error("keys that are neither numbers, strings nor booleans have no fixed order: use a list", 3)
      end
      n = n + 1
      keys[n] = key
    end
    sort(keys, before)
    return keys, n
  end

  function env.pairs(t)
    local meta = rawmeta(t)
    local custom = meta and rawget(meta, "__pairs")
    if custom ~= nil then
      local iterate, state, first = custom(t)
      return iterate, state, first
    end
    if type(t) ~= "table" then error("bad argument #1 to 'pairs' (table expected, got " .. type(t) .. ")", 2) end
    local keys, n = sorted_keys(t)
    local i = 0
    return function()
      while i < n do
        i = i + 1
        local value = rawget(t, keys[i])
        if value ~= nil then return keys[i], value end
      end
    end, t, nil
  end

  local orders = setmetatable({}, { __mode = "k" })
  function env.next(t, key)
    if type(t) ~= "table" then error("bad argument #1 to 'next' (table expected, got " .. type(t) .. ")", 2) end
    local order = orders[t]
    if key == nil or not order or not order.index[key] then
      local keys, n = sorted_keys(t)
      order = { keys = keys, n = n, index = {} }
      for i = 1, n do order.index[keys[i]] = i end
      orders[t] = order
    end
    local i = 0
    if key ~= nil then i = order.index[key] or error("invalid key to 'next'", 2) end
    while i < order.n do
      i = i + 1
      local value = rawget(t, order.keys[i])
      if value ~= nil then return order.keys[i], value end
    end
    return nil
  end

  -- A table whose length is made up could keep a library function busy for ever.
  local function honest(t, name)
    local meta = type(t) == "table" and rawmeta(t)
    if meta and rawget(meta, "__len") ~= nil then
      error("table." .. name .. " does not take a table with a __len of its own", 3)
    end
  end

  env.table = {
    pack = pack,
    concat = function(t, separator, from, to)
      honest(t, "concat")
      if mtype(to) == "integer" then host.charge(to - (mtype(from) == "integer" and from or 1)) end
      return concat(t, separator, from or 1, to)
    end,
    insert = function(t, ...)
      honest(t, "insert")
      return insert(t, ...)
    end,
    remove = function(t, ...)
      honest(t, "remove")
      return remove(t, ...)
    end,
    move = function(t, from, to, at, target)
      honest(t, "move")
      if mtype(from) == "integer" and mtype(to) == "integer" and from <= to then
        if to - from < 0 or to - from > MOVE_LIMIT then error("table.move: too many elements", 2) end
        host.charge(to - from)
      end
      return move(t, from, to, at, target or t)
    end,
    sort = function(t, less)
      honest(t, "sort")
      if type(t) == "table" and rawlen(t) > 64 then
        host.charge(rawlen(t) * 20)
        host.watch()
      end
      return sort(t, less)
    end,
    unpack = function(t, from, to)
      honest(t, "unpack")
      from, to = from or 1, to or (type(t) == "table" and rawlen(t) or nil)
      if mtype(from) == "integer" and mtype(to) == "integer" and from <= to
          and (to - from < 0 or to - from > UNPACK_LIMIT) then
        error("table.unpack: too many results", 2)
      end
      return unpack(t, from, to)
    end,
  }

  -- Matching backtracks: its worst case grows with the subject to the power of the repetitions in the pattern.
  local function watch_match(subject, pattern)
    if type(subject) ~= "string" or type(pattern) ~= "string" then return end
    local _, repetitions = gsub(pattern, "[*+%-]", "")
    if (#subject + 1) ^ (repetitions + 1) > WATCH_STEPS or #subject * #pattern > WATCH_STEPS then host.watch() end
  end

  local text = {}
  for _, name in ipairs { "byte", "char", "len", "lower", "pack", "packsize", "reverse", "sub", "unpack", "upper" } do
    text[name] = string[name]
  end

  function text.find(subject, pattern, ...)
    watch_match(subject, pattern)
    return find(subject, pattern, ...)
  end

  function text.match(subject, pattern, ...)
    watch_match(subject, pattern)
    return match(subject, pattern, ...)
  end

  function text.gsub(subject, pattern, ...)
    watch_match(subject, pattern)
    return gsub(subject, pattern, ...)
  end

  function text.gmatch(subject, pattern, ...)
    local iterate = gmatch(subject, pattern, ...)
    return function()
      watch_match(subject, pattern)
      return iterate()
    end
  end

  function text.rep(s, n, separator)
    local size = (type(s) == "string" and #s or 24) + (type(separator) == "string" and #separator or 0)
    local times = tonumber(n) or 0
    -- Nothing, repeated for ever, is still nothing, but takes as long.
    if size == 0 and times > 0 then return "" end
    if size * (times + 0.0) > STRING_LIMIT then
      host.fatal("LAM007", nil, format("string.rep would make a string of %.0f bytes", size * (times + 0.0)))
    end
    return rep(s, n, separator)
  end

  function text.format(form, ...)
    if type(form) ~= "string" then return format(form, ...) end
    local arguments, index = pack(...), 0
    for kind in gmatch(form, "%%[-+ #0]*%d*%.?%d*(.)") do
      if kind ~= "%" then
        index = index + 1
        if kind == "p" then error("string.format: an address ('%p') differs from run to run", 2) end
        if kind == "s" and index <= arguments.n and type(arguments[index]) ~= "number" then
          arguments[index] = show(arguments[index])
        end
      end
    end
    return format(form, unpack(arguments, 1, arguments.n))
  end
  env.string = text

  local codepoints = {}
  for name, value in next, utf8 do codepoints[name] = value end
  env.utf8 = codepoints

  local numbers = {}
  for name, value in next, math do numbers[name] = value end
  -- The same numbers on every run: what a spec makes of them must not change.
  randomseed(20250101, 0)
  numbers.random = random
  function numbers.randomseed(seed, ...)
    if seed == nil then error("math.randomseed needs a seed: a spec gives the same result on every run", 2) end
    randomseed(seed, ...)
  end
  env.math = numbers

  local function adopted(f)
    if type(f) ~= "function" then
      error("bad argument #1 to 'create' (function expected, got " .. type(f) .. ")", 3)
    end
    local co = create(f)
    host.adopt(co)
    return co
  end
  local function results(co, ok, ...)
    if ok then return ... end
    host.lost((...), co)
    error((...), 0)
  end
  env.coroutine = {
    running = running,
    status = status,
    yield = yield,
    isyieldable = isyieldable,
    create = function(f)
      return adopted(f)
    end,
    resume = function(co, ...)
      return settle(co, resume(co, ...))
    end,
    wrap = function(f)
      local co = adopted(f)
      return function(...)
        return results(co, resume(co, ...))
      end
    end,
    close = function(co)
      return settle(nil, close(co))
    end,
  }

  -- The metatable of all strings is one table: `("x"):rep` must find the bounded functions, and nobody may swap them.
  local strings = rawmeta("")
  strings.__index = text
  strings.__metatable = false

  -- Runs a module's chunk, and then `after`, however the chunk ends.
  local function guarded(after, chunk, name, path)
    local closing <close> = setmetatable({}, { __close = after })
    local result = chunk(name, path)
    return result
  end

  return env, guarded
end
