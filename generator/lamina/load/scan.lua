-- Finds the places in a Lua source: of each table constructor, its keys and values, and of the call it is for.
--
-- Lua itself knows only lines.  So that a value knows its column, the source is compiled with a mark around each
-- table constructor, `{…}` becoming `mark(7, {…})`: the table that comes out is then known by identity, whatever
-- loops and functions it went through.  The marks add no line and no column is taken from the marked text, so
-- Lua's own messages stay true.

local byte, find, sub = string.byte, string.find, string.sub
local ulen = utf8.len
local concat = table.concat

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
  until while]]):gmatch("%a+") do
  KEYWORDS[word] = true
end

local CLOSES = { ["}"] = "{", [")"] = "(", ["]"] = "[", ["end"] = "block", ["until"] = "block" }
local OPENS = {
  ["{"] = "{", ["("] = "(", ["["] = "[",
  -- `while` and `for` are closed by the `end` of their `do`.
  ["function"] = "block", ["if"] = "block", ["do"] = "block", ["repeat"] = "block",
}

local THREE = { ["..."] = true }
local TWO = {
  ["=="] = true, ["~="] = true, ["<="] = true, [">="] = true, ["//"] = true, ["::"] = true,
  ["<<"] = true, [">>"] = true, [".."] = true,
}

-- Tokens as { kind, first byte, last byte, line, text }; kind is "name", "key", "string", "number" or "op".
-- Strings carry their content as text where it needs no decoding, else nothing.
local function tokenize(src)
  local tokens, n = {}, 0
  local starts = { 1 }
  local pos, line, size = 1, 1, #src
  local function newlines(first, last)
    local at = find(src, "\n", first, true)
    while at and at <= last do
      line = line + 1
      starts[line] = at + 1
      at = find(src, "\n", at + 1, true)
    end
  end
  while pos <= size do
    local _, stop = find(src, "^%s+", pos)
    if stop then
      newlines(pos, stop)
      pos = stop + 1
    else
      local c = sub(src, pos, pos)
      local kind, last, text, from = nil, nil, nil, line
      if find(c, "[%a_]") then
        _, last, text = find(src, "^([%w_]+)", pos)
        kind = KEYWORDS[text] and "key" or "name"
      elseif c == "-" and sub(src, pos, pos + 1) == "--" then
        local _, open, level = find(src, "^%-%-%[(=*)%[", pos)
        if open then
          _, last = find(src, "]" .. level .. "]", open + 1, true)
          if not last then return nil end
          newlines(pos, last)
        else
          last = (find(src, "\n", pos, true) or size + 1) - 1
        end
      elseif c == "[" and find(src, "^%[=*%[", pos) then
        local _, open, level = find(src, "^%[(=*)%[", pos)
        local close
        close, last = find(src, "]" .. level .. "]", open + 1, true)
        if not last then return nil end
        kind = "string"
        if not find(sub(src, open + 1, close - 1), "\n", 1, true) then text = sub(src, open + 1, close - 1) end
        newlines(pos, last)
      elseif c == '"' or c == "'" then
        last = pos
        local escaped = false
        repeat
          last = find(src, c == '"' and '["\\\n]' or "['\\\n]", last + 1)
          if not last then return nil end
          local d = sub(src, last, last)
          if d == "\n" then return nil end
          if d == "\\" then
            escaped = true
            if sub(src, last + 1, last + 1) == "z" then _, last = find(src, "^%s*", last + 2) else last = last + 1 end
          end
        until d == c
        kind = "string"
        if not escaped then text = sub(src, pos + 1, last - 1) end
        newlines(pos, last)
      elseif find(src, "^%.?%d", pos) then
        -- As Lua's lexer: every letter, digit and point belongs to it, and a sign after an exponent.
        last = pos
        local hex = find(src, "^0[xX]", pos)
        while true do
          local _, exponent = find(src, hex and "^[pP][+-]?" or "^[eE][+-]?", last)
          if exponent then
            last = exponent + 1
          elseif find(src, "^[%w_.]", last) then
            last = last + 1
          else
            break
          end
        end
        last = last - 1
        kind, text = "number", sub(src, pos, last)
      else
        kind, text = "op", sub(src, pos, pos + 2)
        if not THREE[text] then
          text = sub(src, pos, pos + 1)
          if not TWO[text] then text = c end
        end
        last = pos + #text - 1
      end
      if kind then
        n = n + 1
        tokens[n] = { kind = kind, first = pos, last = last, line = from, text = text }
      end
      pos = last + 1
    end
  end
  return tokens, starts
end

-- Where the tokens from..to stand, as line, column and length in characters, cut at the end of the first line.
local function place(scan, from, to)
  local first, last = scan.tokens[from], scan.tokens[to]
  if last.line ~= first.line then
    local at = to
    while scan.tokens[at].line ~= first.line do at = at - 1 end
    last = scan.tokens[at]
  end
  local stop = last.last
  local newline = find(scan.src, "\n", first.first, true)
  if newline and newline <= stop then stop = newline - 1 end
  return first.line, ulen(scan.src, scan.starts[first.line], first.first - 1) + 1, ulen(scan.src, first.first, stop)
end

local function is(token, text)
  return token ~= nil and token.text == text and (token.kind == "op" or token.kind == "key")
end

-- The first token of the chain `a.b["c"]:d` whose last token is `at`, and the last name in it.
local function chain(tokens, match, at)
  local name, first
  while true do
    local token = tokens[at]
    if token and token.kind == "name" then
      name = name or token.text
      first = at
      if is(tokens[at - 1], ".") or is(tokens[at - 1], ":") then at = at - 2 else break end
    elseif is(token, "]") and match[at] == at - 2 and tokens[at - 1].kind == "string" then
      name = name or tokens[at - 1].text
      at = match[at] - 1
    else
      break
    end
  end
  return first, name
end

-- The call whose only or last argument is the constructor that opens at token i: `x {`, `x "s" {`, `x(s) {`.
local function head(tokens, match, i)
  local before = tokens[i - 1]
  if not before then return nil end
  if before.kind == "name" or is(before, "]") then
    local first, name = chain(tokens, match, i - 1)
    return first and { first = first, last = i - 1, name = name }
  elseif before.kind == "string" then
    local first, name = chain(tokens, match, i - 2)
    return first and { first = first, last = i - 1, name = name, argument = { i - 1, i - 1 } }
  elseif is(before, ")") then
    local open = match[i - 1]
    local first, name = chain(tokens, match, open - 1)
    if not first then return nil end
    return { first = first, last = i - 1, name = name, argument = open + 1 < i - 1 and { open + 1, i - 2 } or nil }
  elseif is(before, "(") then
    local first, name = chain(tokens, match, i - 2)
    return first and { first = first, last = i - 2, name = name }
  end
end

local function constant(tokens, from, to)
  local token, sign = tokens[from], 1
  if is(token, "-") and from < to then
    sign, from = -1, from + 1
    token = tokens[from]
  end
  if from ~= to then return nil end
  if token.kind == "number" then return sign * tonumber(token.text) end
  if sign < 0 then return nil end
  if token.kind == "string" then return token.text end
  if is(token, "true") then return true end
  if is(token, "false") then return false end
end

local function add_field(scan, match, record, from, to)
  if from > to then return end
  local tokens = scan.tokens
  local key, key_first, key_last, value
  if tokens[from].kind == "name" and is(tokens[from + 1], "=") then
    key, key_first, key_last, value = tokens[from].text, from, from, from + 2
  elseif is(tokens[from], "[") and match[from] and is(tokens[match[from] + 1], "=") then
    key_first, key_last, value = from, match[from], match[from] + 2
    key = constant(tokens, from + 1, match[from] - 1)
    if key == nil then return end
  else
    record.count = record.count + 1
    key, value = record.count, from
  end
  if value > to then return end
  record.fields[key] = { key_first, key_last, value, to, constant(tokens, value, to) }
end

-- Reads a source that compiles.  Gives { src, tokens, starts, records, code, names, final }, or nothing where the
-- marks cannot be set.  `code` is the marked source, a function of the mark that returns the chunk; `final` is the
-- last `return` that ends the chunk itself.
local function scan(src, mark)
  if find(src, mark, 1, true) then return nil end
  local tokens, starts = tokenize(src)
  if not tokens then return nil end
  local result = { src = src, tokens = tokens, starts = starts, records = {}, names = {} }
  local match, stack, depth = {}, {}, 0
  local pieces, copied = { "local " .. mark .. " = ... return function(...) " }, 0
  local function copy(upto, insertion)
    pieces[#pieces + 1] = sub(src, copied + 1, upto)
    pieces[#pieces + 1] = insertion
    copied = upto
  end
  local function name_at(i, name, first)
    local line = tokens[i].line
    local names = result.names[line] or {}
    result.names[line] = names
    names[name] = names[name] or {}
    names[name][#names[name] + 1] = { first, i }
  end
  for i = 1, #tokens do
    local token = tokens[i]
    local text = (token.kind == "op" or token.kind == "key") and token.text
    local top = stack[depth]
    if text and CLOSES[text] then
      if not top or top.kind ~= CLOSES[text] then return nil end
      match[i], match[top.at] = top.at, i
      depth = depth - 1
    end
    if text == "}" then
      add_field(result, match, top.record, top.field, i - 1)
      copy(token.last, top.call and "))" or ")")
      top.record.last = i
    elseif (text == "," or text == ";") and top and top.kind == "{" then
      add_field(result, match, top.record, top.field, i - 1)
      top.field = i + 1
    elseif text == "(" and is(tokens[i + 1], ")") and tokens[i - 1] and tokens[i - 1].kind == "name" then
      -- `lamina.single()` has no table to mark; a call of the mark as its argument list adds no argument.
      local first, name = chain(tokens, match, i - 1)
      if is(tokens[i - 2], ".") and not is(tokens[first - 1], "function") then
        local id = #result.records + 1
        result.records[id] = { head = { first = first, last = i - 1, name = name }, fields = {}, count = 0 }
        copy(token.last, mark .. "(" .. id .. ")")
      end
    elseif text == "]" and match[i] == i - 2 and tokens[i - 1].kind == "string" and tokens[i - 1].text then
      local first, name = chain(tokens, match, i)
      if first then name_at(i, name, first) end
    elseif token.kind == "name" and is(tokens[i - 1], ".") then
      local first, name = chain(tokens, match, i)
      name_at(i, name, first)
    end
    if text == "return" and depth == 0 then result.final = i end
    if text and OPENS[text] then
      depth = depth + 1
      local frame = { kind = OPENS[text], at = i }
      stack[depth] = frame
      if text == "{" then
        local before = tokens[i - 1]
        frame.field = i + 1
        frame.call = before and (before.kind == "name" or before.kind == "string" or is(before, ")")
          or is(before, "]") or is(before, "}")) or false
        local id = #result.records + 1
        frame.record = { first = i, head = head(tokens, match, i), fields = {}, count = 0, scan = result }
        result.records[id] = frame.record
        copy(token.first - 1, (frame.call and "(" or "") .. mark .. "(" .. id .. ",")
      end
    end
  end
  if depth ~= 0 then return nil end
  copy(#src, "\nend")
  result.code = concat(pieces)
  for _, record in ipairs(result.records) do record.scan = result end
  return result
end

-- The line on which a source is nested deepest, for one that is nested deeper than Lua's compiler goes.
local function deepest(src)
  local depth, most, line = 0, 0, 1
  for _, token in ipairs(tokenize(src) or {}) do
    if token.kind == "op" or token.kind == "key" then
      depth = depth + (OPENS[token.text] and 1 or 0) - (CLOSES[token.text] and 1 or 0)
      if depth > most then most, line = depth, token.line end
    end
  end
  return line
end

return { scan = scan, place = place, deepest = deepest }
