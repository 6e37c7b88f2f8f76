-- Turns what a spec builds into the neutral tree, written as JSON text:
--
--   scalar  ["s", value, place]     list  ["q", [node…], place]     map  ["m", tag or null, [[key, place, node]…], place]
--   place   [file number, line, column, length]
--
-- A layer is converted when it is made, so a table that changes later does not change it.  Mistakes are collected
-- and the conversion goes on, so that a spec is told all of them.

local TREE_LIMIT, DEPTH_LIMIT, MISTAKE_LIMIT = 50000, 24, 100

local concat, sort = table.concat, table.sort
local byte, find, format, gsub = string.byte, string.find, string.format, string.gsub
local getinfo = debug.getinfo
local mtype = math.type
local next, rawget, select, type, setmetatable, tostring = next, rawget, select, type, setmetatable, tostring
local ulen = utf8.len

local WORDS = { ["function"] = "a function", thread = "a coroutine", userdata = "userdata", table = "a table",
  string = "a string", number = "a number", boolean = "a boolean", ["nil"] = "nil" }

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\" }
local function quote(text)
  return '"' .. gsub(text, '[%c"\\\127]', function(c)
    return ESCAPES[c] or format("\\u%04x", byte(c))
  end) .. '"'
end

-- host: place_of(level) -> { file, line, 0, 0 } or nothing; chunk(file) -> scan or nothing;
-- sites: table -> record; locate(scan, from, to) -> line, column, length; fatal(code, place, message, help);
-- pending() -> the record of a call without arguments that was just entered.
return function(host)
  local objects = setmetatable({}, { __mode = "k" })
  local constructors = setmetatable({}, { __mode = "k" })
  local sites = host.sites
  local mistakes = {}

  local function mistake(code, place, message, help, notes)
    if #mistakes >= MISTAKE_LIMIT then return end
    mistakes[#mistakes + 1] = { code = code, place = place, message = message, help = help, notes = notes or {} }
  end

  local function encode_place(place)
    return format("[%d,%d,%d,%d]", place[1], place[2], place[3], place[4])
  end

  local function at_tokens(scan, from, to)
    local line, column, length = host.locate(scan, from, to)
    return { scan.file, line, column, length }
  end

  -- Places of the key and the value of one field.  A literal that no longer is the value was assigned over, so its
  -- place would be a lie.
  local function field_places(tbl, key, value, fallback)
    local record = sites[tbl]
    local field = record and record.fields[key]
    if not field then
      if record and record.first then
        local place = at_tokens(record.scan, record.first, record.first)
        place[3], place[4] = 0, 0
        fallback = place
      end
      return fallback, fallback
    end
    local literal = field[5]
    local value_place = at_tokens(record.scan, field[3], field[4])
    if literal ~= nil and literal ~= value then value_place = { record.scan.file, value_place[2], 0, 0 } end
    local key_place = value_place
    if field[1] then key_place = at_tokens(record.scan, field[1], field[2]) end
    return key_place, value_place
  end

  local function table_place(tbl)
    local record = sites[tbl]
    if record and record.first then
      local last = record.last
      local tokens = record.scan.tokens
      if tokens[last].line ~= tokens[record.first].line then last = record.first end
      return at_tokens(record.scan, record.first, last)
    end
  end

  -- Splits a table into its positional values (in order, with their index) and its named entries.
  local function split(tbl, place)
    local positional, named, wrong = {}, {}, {}
    for key in next, tbl do
      if type(key) == "string" then
        named[#named + 1] = key
      elseif mtype(key) == "integer" and key >= 1 then
        positional[#positional + 1] = key
      else
        wrong[#wrong + 1] = type(key) == "number" and tostring(key) or WORDS[type(key)]
      end
    end
    sort(wrong)
    for _, word in ipairs(wrong) do
      mistake("LAM012", place, word .. " can't be a key: keys are names, positions are 1, 2, 3…")
    end
    sort(positional)
    local places = {}
    for _, key in ipairs(named) do
      local key_place, value_place = field_places(tbl, key, rawget(tbl, key), place)
      places[key] = { key_place, value_place }
    end
    sort(named, function(a, b)
      local p, q = places[a][1], places[b][1]
      if (p[3] > 0) ~= (q[3] > 0) then return p[3] > 0 end
      if p[3] > 0 and p[2] ~= q[2] then return p[2] < q[2] end
      if p[3] > 0 and p[3] ~= q[3] then return p[3] < q[3] end
      return a < b
    end)
    return positional, named, places
  end

  local function object_word(value)
    local object = objects[value]
    if object then
      return object.kind == "layer" and "a layer (" .. object.name .. ")" or "a stack (" .. object.name .. ")"
    end
    return WORDS[type(value)]
  end

  local function check_size(count, place)
    if count > TREE_LIMIT then
      host.fatal("LAM019", place, format("the spec describes more than %d values", TREE_LIMIT))
    end
  end

  -- `path` holds the tables around the one being converted, how many they are, and the most that were below.
  local function new_path(tbl)
    return { [tbl] = true, depth = 1, deepest = 1 }
  end
  local function check_depth(path, below, place)
    local depth = path.depth + below
    if depth > path.deepest then path.deepest = depth end
    if depth > DEPTH_LIMIT then
      host.fatal("LAM019", place, format("tables are nested more than %d deep", DEPTH_LIMIT))
    end
  end

  local convert

  local function string_node(value, place)
    if not ulen(value) then
      mistake("LAM012", place, "a string that is not UTF-8 text")
      value = ""
    end
    return format('["s",%s,%s]', quote(value), encode_place(place)), 1
  end

  local function scalar_node(value, place)
    local kind = type(value)
    if kind == "string" then return string_node(value, place) end
    local text
    if kind == "boolean" then
      text = tostring(value)
    elseif mtype(value) == "integer" then
      text = format("%d", value)
    elseif value ~= value then
      text = "NaN"
    elseif value == math.huge or value == -math.huge then
      text = value > 0 and "Infinity" or "-Infinity"
    else
      text = format("%.17g", value)
      if not find(text, "[.e]") then text = text .. ".0" end
    end
    return format('["s",%s,%s]', text, encode_place(place)), 1
  end

  -- The items of a list as nodes.  In a list of layers `cond and lamina.x {…}` may leave false or a hole.
  local function list_items(tbl, positional, place, path)
    local nodes, count = {}, 0
    local layers = false
    for _, key in ipairs(positional) do
      local object = objects[rawget(tbl, key)]
      layers = layers or (object ~= nil and object.kind == "layer")
    end
    for index, key in ipairs(positional) do
      local value = rawget(tbl, key)
      local _, value_place = field_places(tbl, key, value, place)
      local object = objects[value]
      if layers and object and object.kind == "layer" then
        check_depth(path, object.depth, value_place)
        nodes[#nodes + 1], count = object.json, count + object.count
      elseif layers then
        if value ~= false then
          mistake("LAM010", value_place, object_word(value) .. " stands in a list of layers",
            type(value) == "function" and constructors[value]
              and format("write lamina.%s {}", constructors[value]) or nil)
        end
      else
        if key ~= index then
          mistake("LAM011", place, format("a list with a hole: item %d is nil", index))
          break
        end
        local node, size = convert(value, value_place, path)
        nodes[#nodes + 1], count = node, count + size
      end
      check_size(count, place)
    end
    return nodes, count
  end

  local function map_entries(tbl, named, places, path)
    local nodes, count = {}, 0
    for _, key in ipairs(named) do
      local key_place, value_place = places[key][1], places[key][2]
      if not ulen(key) then
        mistake("LAM012", key_place, "a key that is not UTF-8 text")
      else
        local node, size = convert(rawget(tbl, key), value_place, path)
        nodes[#nodes + 1] = format("[%s,%s,%s]", quote(key), encode_place(key_place), node)
        count = count + size
        check_size(count, key_place)
      end
    end
    return nodes, count
  end

  local function mixed(tbl, positional, place, what)
    local _, where = field_places(tbl, positional[1], rawget(tbl, positional[1]), place)
    mistake("LAM011", where, what)
  end

  function convert(value, place, path)
    local kind = type(value)
    if kind == "function" and constructors[value] then
      mistake("LAM012", place, format("lamina.%s is not called here", constructors[value]),
        format("write lamina.%s {}", constructors[value]))
      return scalar_node(false, place)
    elseif kind ~= "table" and kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
      mistake("LAM012", place, WORDS[kind] .. " can't be a value of a spec")
      return scalar_node(false, place)
    elseif kind ~= "table" then
      return scalar_node(value, place)
    end
    local object = objects[value]
    if object and object.kind == "layer" then
      check_depth(path, object.depth + 1, place)
      -- One layer where a branch is meant is a branch of one layer, as YAML writes it.
      return format('["q",[%s],%s]', object.json, encode_place(place)), object.count + 1
    elseif object then
      mistake("LAM012", place, object_word(value) .. " can't be a value")
      return scalar_node(false, place)
    end
    if path[value] then
      mistake("LAM012", place, "a table that contains itself can't be a value of a spec")
      return scalar_node(false, place)
    end
    path.depth = path.depth + 1
    check_depth(path, 0, place)
    path[value] = true
    local positional, named, places = split(value, place)
    local text, count
    if #named > 0 then
      if #positional > 0 then
        mixed(value, positional, place, "a table is either a list or named values, this one is both")
      end
      local nodes
      nodes, count = map_entries(value, named, places, path)
      text = format('["m",null,[%s],%s]', concat(nodes, ","), encode_place(place))
    else
      local nodes
      nodes, count = list_items(value, positional, place, path)
      text = format('["q",[%s],%s]', concat(nodes, ","), encode_place(place))
    end
    path[value] = nil
    path.depth = path.depth - 1
    return text, count + 1
  end

  local function frozen(kind)
    return {
      __name = kind,
      __metatable = false,
      __newindex = function()
        error("a " .. kind .. " can't be changed once it is made", 2)
      end,
    }
  end
  local LAYER, STACK = frozen("lamina layer"), frozen("lamina stack")

  -- Where `lamina.name` is written, from the line on which it was looked up.
  local function indexed_place(name, place)
    local scan = place and host.scans[place[1]]
    local names = scan and scan.names[place[2]]
    local found = names and names[name]
    if found and #found == 1 then return at_tokens(scan, found[1][1], found[1][2]) end
    return place
  end

  local function head_place(record, name, called, stop)
    local call = record and record.head
    if not call or call.name ~= name then return nil end
    local scan = record.scan
    -- A call that is not a tail call names its line: the head must be there, or the table came by another way.
    if called and (called[1] ~= scan.file or called[2] < scan.tokens[call.first].line
        or called[2] > scan.tokens[record.first or call.last].line) then
      return nil
    end
    return at_tokens(scan, call.first, stop or call.last)
  end

  local unknown = { 1, 1, 0, 0 }

  local function make_layer(name, site, called, tbl, record)
    local place = head_place(record, name, called) or indexed_place(name, site) or called or unknown
    local json, count, depth = "", 0, 1
    if tbl then
      local positional, named, places = split(tbl, place)
      if #positional > 0 then
        local value = rawget(tbl, positional[1])
        mixed(tbl, positional, place, format("lamina.%s takes named parameters, this one (%s) has no name", name,
          object_word(value)))
      end
      local nodes
      local path = new_path(tbl)
      nodes, count = map_entries(tbl, named, places, path)
      json, depth = concat(nodes, ","), path.deepest
    end
    local layer = setmetatable({}, LAYER)
    objects[layer] = { kind = "layer", name = name, count = count + 1, depth = depth, place = place,
      json = format('["m",%s,[%s],%s]', quote(name), json, encode_place(place)) }
    return layer
  end

  local function layer_constructor(name, site)
    local function constructor(...)
      local tbl = ...
      local record = host.pending()
      if select("#", ...) > 0 and (type(tbl) ~= "table" or objects[tbl] or select("#", ...) > 1) then
        host.refuse("LAM011", format("lamina.%s takes one table of named parameters, got %s", name,
          select("#", ...) > 1 and select("#", ...) .. " values" or object_word(tbl)), host.place_of(3) or site)
      end
      if tbl ~= nil then record = sites[tbl] end
      return make_layer(name, site, host.place_of(3), tbl, record)
    end
    constructors[constructor] = name
    return constructor
  end

  local function make_stack(name, site, called, tbl)
    local record = sites[tbl]
    local place, name_place = nil, nil
    local call = record and record.head
    if call and head_place(record, "stack", called) then
      local line = record.scan.tokens[call.first].line
      place = at_tokens(record.scan, call.first, call.last)
      if call.argument and record.scan.tokens[call.argument[1]].line == line then
        name_place = at_tokens(record.scan, call.argument[1], call.argument[2])
      end
    end
    place = place or indexed_place("stack", site) or called or unknown
    name_place = name_place or { place[1], place[2], 0, 0 }

    local positional, named, places = split(tbl, place)
    for _, key in ipairs(named) do
      if key == "name" or key == "layers" then
        mistake("LAM011", places[key][1], format("'%s' is not an option of a stack in Lua", key),
          key == "name" and 'the name stands before the table: lamina.stack "name" { … }'
            or "layers stand in the table itself, without a name, from the memory up")
      end
    end
    local layers, count = {}, 1
    for index, key in ipairs(positional) do
      local value = rawget(tbl, key)
      local object = objects[value]
      if object and object.kind == "layer" then
        layers[#layers + 1], count = object.json, count + object.count
      elseif value ~= false then
        local _, value_place = field_places(tbl, key, value, place)
        local help
        if constructors[value] then
          help = format("write lamina.%s {}", constructors[value])
        elseif type(value) == "string" and find(value, "^[%a_][%w_]*$") then
          help = format("write lamina.%s {}", value)
        elseif type(value) == "table" and not object then
          help = "table.unpack(list) as the last entry adds the layers of a list"
        end
        mistake("LAM010", value_place, format("entry %d of stack '%s' is %s, not a layer", index, name,
          object_word(value)), help)
      end
    end
    local options, more = map_entries(tbl, named, places, new_path(tbl))
    check_size(count + more, place)
    local body = table_place(tbl) or place
    local stack = setmetatable({}, STACK)
    objects[stack] = { kind = "stack", name = name, count = count + more, json = format(
      '{"name":%s,"options":["m",null,[%s],%s],"layers":["q",[%s],%s],"span":%s}',
      string_node(name, name_place), concat(options, ","), encode_place(body), concat(layers, ","),
      encode_place(body), encode_place(place)) }
    return stack
  end

  -- `lamina.stack "name" {…}` makes a stack; with a table or nothing it is the layer of that name, the store.
  local function stack_constructor(site)
    local function constructor(...)
      local name = ...
      if select("#", ...) == 0 or (type(name) == "table" and not objects[name] and select("#", ...) == 1) then
        local record = host.pending()
        return make_layer("stack", site, host.place_of(3), name, name and sites[name] or record)
      end
      if type(name) ~= "string" then
        host.refuse("LAM011", "lamina.stack takes the stack's name first, got " .. object_word(name),
          host.place_of(3) or site)
      end
      if select("#", ...) > 1 then
        host.refuse("LAM011", 'lamina.stack takes the name alone: lamina.stack "name" { … }',
          host.place_of(3) or site)
      end
      local named_at = host.place_of(3) or site
      local function body(tbl, ...)
        if type(tbl) ~= "table" or objects[tbl] or select("#", ...) > 0 then
          host.refuse("LAM011", format("stack '%s' takes one table of options and layers, got %s", name,
            select("#", ...) > 0 and "several values" or object_word(tbl)), host.place_of(3) or named_at)
        end
        return make_stack(name, named_at, host.place_of(3), tbl)
      end
      constructors[body] = 'stack "' .. name .. '"'
      return body
    end
    constructors[constructor] = "stack"
    return constructor
  end

  local lamina = setmetatable({}, {
    __name = "lamina",
    __metatable = false,
    __newindex = function()
      error("'lamina' can't be changed", 2)
    end,
    __index = function(_, name)
      if type(name) ~= "string" or not ulen(name) then error("a layer's name is a string", 2) end
      local site = host.place_of(3)
      if name == "stack" then return stack_constructor(site) end
      return layer_constructor(name, site)
    end,
  })

  -- What a spec file returned, as the JSON texts of its stacks.
  local function collect(returned)
    local stacks, seen = {}, {}
    local total = 0
    local scan = host.scans[1]
    local final = scan and (scan.final or #scan.tokens)
    local ending = scan and scan.tokens[final] and at_tokens(scan, final, final) or unknown
    if scan and not scan.final then ending[3], ending[4] = 0, 0 end
    local function visit(value, depth)
      local object = objects[value]
      if object and object.kind == "stack" then
        stacks[#stacks + 1] = object.json
        total = total + object.count
        check_size(total, ending)
      elseif not object and type(value) == "table" and depth < DEPTH_LIMIT and not seen[value] then
        seen[value] = true
        local place = table_place(value) or ending
        local positional, named, places = split(value, place)
        if #named > 0 then
          mistake("LAM009", places[named[1]][1], "a spec returns a stack or a list of stacks, not named values")
        end
        for _, key in ipairs(positional) do visit(rawget(value, key), depth + 1) end
        seen[value] = nil
      elseif type(value) == "function" and constructors[value] then
        mistake("LAM009", ending, format("the spec returns lamina.%s without its table", constructors[value]),
          'write lamina.stack "name" { … }')
      elseif value ~= nil and value ~= false then
        mistake("LAM009", object and object.place or ending,
          format("the spec returns %s where a stack is expected", object_word(value)),
          'end the file with: return lamina.stack "name" { … }')
      end
    end
    for index = 1, returned.n do visit(returned[index], 0) end
    if #stacks == 0 and #mistakes == 0 then
      mistake("LAM009", ending, "the spec returns no stack", 'end the file with: return lamina.stack "name" { … }')
    end
    return stacks
  end

  return { lamina = lamina, collect = collect, mistakes = mistakes, quote = quote, encode_place = encode_place }
end
