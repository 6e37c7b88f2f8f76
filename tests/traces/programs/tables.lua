-- Builds and drops tables: records with strings in them, a list that grows, a map that loses half of its keys.
local scale = tonumber(arg and arg[1]) or 1

local function build(n)
  local people = {}
  for i = 1, n do
    people[i] = { id = i, name = "name " .. i, tags = { i % 7, i % 11 } }
  end
  return people
end

for round = 1, 4 * scale do
  local people = build(60)
  local by_name = {}
  for _, person in ipairs(people) do
    by_name[person.name] = person
  end
  for i = 1, #people, 2 do
    by_name[people[i].name] = nil
    people[i] = false
  end
  local line = {}
  for name in pairs(by_name) do
    line[#line + 1] = name
  end
  table.sort(line)
  assert(#table.concat(line, ",") > 0)
  people, by_name = nil, nil
  collectgarbage()
end
