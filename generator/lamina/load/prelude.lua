-- Evaluates one spec.  Run by the loader as `lua5.4 -E prelude.lua FOLDER`, where FOLDER holds the files beside this one.
--
-- Fields on the pipes are a decimal length, a newline, and that many bytes.
--   in:   instruction budget, memory in KiB, processor seconds, chunk name, source
--   out:  a kind and its fields:
--           Q name           asks for a module; the answer is "file", chunk name, source, path
--                            or "none", message, help
--           P text           what the spec printed
--           B file line      the line being run, in case the run is ended from outside
--           R json           the result, the last message
--           X text           a failure of this program itself
--           V version        this is not Lua 5.4
-- Only what this file sends reaches the pipe: a spec has no io.
--
-- This file keeps to the syntax of Lua 5.1, so that an older interpreter gets as far as saying what it is.

local exit, write, flush_out = os.exit, io.write, io.flush
local stdin, stdout = io.stdin, io.stdout

local function send(kind, ...)
  local fields = { kind, ... }
  for i = 1, #fields do
    write(#fields[i], "\n", fields[i])
  end
end

if _VERSION ~= "Lua 5.4" then
  send("V", _VERSION)
  stdout:flush()
  exit(0)
end

stdout:setvbuf("full")

local function receive()
  local size = stdin:read("l")
  if not size then exit(1, false) end
  return stdin:read(tonumber(size))
end

local function part(name)
  local file = assert(io.open(arg[1] .. "/" .. name .. ".lua", "rb"))
  local source = file:read("a")
  file:close()
  return assert(load(source, "=[lamina]", "t"))()
end

local HOOK_STEP = 250
-- Far deeper than any spec, far shallower than Lua's stack: the hook itself always finds room to run.
local RECURSION_LIMIT = 10000
local PRINT_LIMIT = 65536
local MARK = "_LAMINA_MARK_"

local clock, getinfo, sethook, rawmeta = os.clock, debug.getinfo, debug.sethook, debug.getmetatable
local collect_garbage, format, find, match, sub, rep = collectgarbage, string.format, string.find, string.match,
  string.sub, string.rep
local concat, floor, load_chunk, select_value = table.concat, math.floor, load, select

local scanner = part("scan")

local files = {}    -- number -> chunk name
local numbers = {}  -- source as getinfo shows it -> number
local host = { scans = {}, sites = setmetatable({}, { __mode = "k" }), locate = scanner.place }
local values
local notes_of = {} -- an error message that this program raised -> its code, help, notes and place

local budget, memory_limit, time_limit = tonumber(receive()), tonumber(receive()), tonumber(receive())
local used, next_crumb, crumb = 0, 0.25, nil
-- Given up when memory runs out, so that there is room to say so.
local ballast = rep("x", 512 * 1024)

local function place_in(info)
  local file = info and numbers[info.source]
  if file and info.currentline > 0 then return { file, info.currentline, 0, 0 } end
end

-- The line that called the function at the level above, or nothing where a tail call took its place.
function host.place_of(level)
  if getinfo(level - 1, "t").istailcall then return nil end
  return place_in(getinfo(level, "Sl"))
end

-- The innermost line of a spec that is being run, in this coroutine or in another.
local function here(co)
  local level = co and 0 or 2
  while true do
    local info
    if co then info = getinfo(co, level, "Sl") else info = getinfo(level, "Sl") end
    if not info then return nil end
    local place = place_in(info)
    if place then return place end
    level = level + 1
  end
end

local function report(stacks, mistakes)
  local quote = values.quote
  local out = {}
  for i, mistake in ipairs(mistakes) do
    local notes = {}
    for j, note in ipairs(mistake.notes or {}) do
      notes[j] = format("[%s,%s]", values.encode_place(note[1]), quote(note[2]))
    end
    out[i] = format('{"code":%s,"place":%s,"message":%s,"help":%s,"notes":[%s]}', quote(mistake.code),
      mistake.place and values.encode_place(mistake.place) or "null", quote(mistake.message),
      mistake.help and quote(mistake.help) or "null", concat(notes, ","))
  end
  send("R", format('{"stacks":[%s],"mistakes":[%s]}', concat(stacks, ","), concat(out, ",")))
  stdout:flush()
  -- Without closing the state: a spec's finalizers and closing values must not run any more.
  exit(0, false)
end

-- Ends the run.  Not an error, so that nothing in a spec can catch it.
function host.fatal(code, place, message, help)
  ballast = nil
  sethook()
  local mistakes = values.mistakes
  place = place or here() or crumb
  mistakes[#mistakes + 1] = { code = code, place = place, message = message, help = help }
  report({}, mistakes)
end

function host.refuse(code, message, place, help)
  local text = message
  if place then text = format("%s:%d: %s", files[place[1]], place[2], message) end
  notes_of[text] = { code = code, help = help, place = place }
  error(text, 0)
end

function host.charge(n)
  if n > 0 then used = used + n end
end

local function leave_crumb(place)
  if not place or (crumb and crumb[1] == place[1] and crumb[2] == place[2]) then return end
  crumb = place
  used = used + 1000
  send("B", format("%d", place[1]), format("%d", place[2]))
  stdout:flush()
end

function host.watch()
  leave_crumb(here())
end

local printed = 0
function host.print(text)
  if printed > PRINT_LIMIT then return end
  printed = printed + #text
  if printed > PRINT_LIMIT then text = sub(text, 1, 256) .. "\n(the rest of what the spec prints is left out)\n" end
  send("P", text)
end

local function hook()
  used = used + HOOK_STEP
  if used > budget then
    host.fatal("LAM006", here(), format("the spec still runs after %d million instructions: an endless loop?",
      floor(budget / 1000000)))
  end
  if collect_garbage("count") > memory_limit then
    collect_garbage()
    if collect_garbage("count") > memory_limit then
      host.fatal("LAM007", here(), format("the spec uses more than %d MiB of memory", floor(memory_limit / 1024)))
    end
  end
  local now = clock()
  if now > next_crumb then
    next_crumb = now + 0.25
    leave_crumb(here())
    if now > time_limit then
      host.fatal("LAM006", here(), format("the spec still runs after %g seconds: an endless loop?", time_limit))
    end
  end
  if getinfo(RECURSION_LIMIT, "l") then
    host.fatal("LAM018", here(), format("the spec's functions call each other more than %d deep", RECURSION_LIMIT))
  end
end

function host.adopt(co)
  sethook(co, hook, "", HOOK_STEP)
end

-- A message without the place that Lua put before it, and that place.
local function unprefixed(message)
  local rest = match(message, "^%[lamina%]:%d+: (.*)$")
  if rest then return rest, nil end
  for number, chunk in ipairs(files) do
    if sub(message, 1, #chunk + 1) == chunk .. ":" then
      local line
      line, rest = match(message, "^(%d+): (.*)$", #chunk + 2)
      if line then return rest, { number, tonumber(line), 0, 0 } end
    end
  end
  return message, nil
end

-- What Lua says where one call's arguments or results are too many for its stack. No function calls another then, and
-- nothing is lost: the spec may catch it.
local function too_many(message)
  return match(message, "stack overflow %((.+)%)$")
end

function host.lost(message, co)
  if type(message) ~= "string" or too_many(message) then return end
  if message == "not enough memory" then
    host.fatal("LAM007", co and here(co) or here(), format("the spec uses more than %d MiB of memory",
      floor(memory_limit / 1024)))
  elseif find(message, "stack overflow", 1, true) or message == "error in error handling" then
    local _, place = unprefixed(message)
    host.fatal("LAM018", place or co and here(co) or here(), "the spec's functions call each other without an end")
  end
end

local pending
function host.pending()
  local record = pending
  pending = nil
  return record
end

local function load_file(chunk_name, source, environment)
  local number = #files + 1
  files[number] = chunk_name
  numbers["@" .. chunk_name] = number
  -- Under pcall, since a compiler that ran out of stack would call the handler of the caller.
  local compiled, plain, message = pcall(load_chunk, source, "@" .. chunk_name, "t", environment)
  if not compiled then plain, message = nil, plain end
  if not plain then
    if not find(message, "overflow", 1, true) then return nil, message end
    return nil, format("%s:%d: more nested than Lua can compile", chunk_name, scanner.deepest(source))
  end
  local scan = scanner.scan(source, MARK)
  -- Where the marked source doesn't compile (a limit of the compiler is near), values have lines only.
  local marked = scan and load_chunk(scan.code, "@" .. chunk_name, "t", environment)
  if not marked then return plain end
  scan.file = number
  host.scans[number] = scan
  local records, sites = scan.records, host.sites
  return marked(function(id, ...)
    local record = records[id]
    if select_value("#", ...) == 0 then
      record.scan = scan
      pending = record
      return
    end
    local made = ...
    sites[made] = record
    return made
  end)
end

local environment, guarded
local modules, loading = {}, {}
local running_file = 1

-- Where a module is required.  In `return require "x"` a tail call has taken the place of the line, but the text of
-- the file that is being run still shows it.
local function required_place(name)
  local place = host.place_of(4)
  local scan = host.scans[place and place[1] or running_file]
  local found
  for i, token in ipairs(scan and scan.tokens or {}) do
    local argument = scan.tokens[i + 1]
    if argument and argument.text == "(" and argument.kind == "op" then argument = scan.tokens[i + 2] end
    if token.kind == "name" and token.text == "require" and argument and argument.kind == "string"
        and argument.text == name and (not place or place[2] == token.line) then
      if found then return place or here() end
      local line, column, length = scanner.place(scan, i, i + (argument == scan.tokens[i + 1] and 1 or 3))
      found = { scan.file, line, column, length }
    end
  end
  return found or place or here()
end

function host.require(name)
  if modules[name] ~= nil then return modules[name] end
  local place = required_place(name)
  if type(name) ~= "string" then host.refuse("LAM008", "require takes a module's name", place) end
  if loading[name] then
    host.refuse("LAM008", format("module '%s' requires itself, directly or through another", name), place)
  end
  send("Q", name)
  stdout:flush()
  local found = receive()
  if found == "none" then
    local message = receive()
    host.refuse("LAM008", message, place, receive())
  end
  local chunk_name, source, path = receive(), receive(), receive()
  local chunk, message = load_file(chunk_name, source, environment)
  loading[name] = true
  if not chunk then
    loading[name] = nil
    notes_of[message] = { code = "LAM004", notes = place and { { place, "required here" } } }
    error(message, 0)
  end
  local outer = running_file
  running_file = #files
  local result = guarded(function()
    loading[name] = nil
    running_file = outer
  end, chunk, name, path)
  if result == nil then result = true end
  if modules[name] == nil then modules[name] = result end
  return modules[name]
end

-- An uncaught error as a mistake: Lua's message without the chunk's name before it, at the line that it names or
-- else at the line where the spec stopped.
local function as_mistake(message, co)
  if type(message) ~= "string" and type(message) ~= "number" then
    return { code = "LAM005", place = here(co), message = "the spec raised an error that is " ..
      (message == nil and "nil" or "a " .. type(message)) .. ", not a message" }
  end
  message = tostring(message)
  local known = notes_of[message] or {}
  local text, place = unprefixed(message)
  local code, help = known.code or "LAM005", known.help
  if not utf8.len(text) then text = "the spec raised an error whose message is not text" end
  if text == "not enough memory" then
    code, text = "LAM007", format("the spec uses more than %d MiB of memory", floor(memory_limit / 1024))
  elseif too_many(text) then
    text, help = format("one call takes or gives more values than Lua can hold (%s)", too_many(text)),
      "take them in smaller portions, some thousand at a time"
  elseif find(text, "stack overflow", 1, true) or text == "error in error handling" then
    code, text = "LAM018", "the spec's functions call each other without an end"
  end
  local missing = match(text, "global '([%a_]+)'")
  if missing and _G[missing] ~= nil and environment[missing] == nil then
    help = "specs run in a sandbox: no io, os, debug, package, load, dofile or collectgarbage"
  end
  return { code = code, place = known.place or place or here(co), message = text, help = help, notes = known.notes }
end

local function main()
  values = part("values")(host)
  environment, guarded = part("sandbox")(host)
  modules.lamina = values.lamina
  for _, name in ipairs { "string", "table", "math", "utf8", "coroutine" } do modules[name] = environment[name] end

  local chunk_name, source = receive(), receive()
  local chunk, message = load_file(chunk_name, source, environment)
  if not chunk then
    local text, place = unprefixed(message)
    report({}, { { code = "LAM004", place = place, message = text } })
  end
  local co = coroutine.create(function()
    return values.collect(table.pack(chunk()))
  end)
  sethook(co, hook, "", HOOK_STEP)
  local ok, result = coroutine.resume(co)
  ballast = nil
  local mistakes = values.mistakes
  if not ok then
    mistakes[#mistakes + 1] = as_mistake(result, co)
    result = {}
  elseif coroutine.status(co) ~= "dead" then
    mistakes[#mistakes + 1] = { code = "LAM005", place = here(co), message = "the spec yields outside a coroutine" }
    result = {}
  end
  report(result, mistakes)
end

local ok, failure = xpcall(main, debug.traceback)
if not ok then
  send("X", tostring(failure))
  stdout:flush()
  exit(0, false)
end
