-- Cuts streams into frames by the tables above, as the attacker does, and shows them. Nothing below is about one protocol.

local tcp_stream = Field.new("tcp.stream")
local tcp_push = Field.new("tcp.flags.push")

-- What a field or an object is measured as, besides a number of bytes.
local OTHER, SHORT, BAD = "other", "short", "bad"

local function starts_with(text, beginning)
  return text:sub(1, #beginning) == beginning
end

-- The fewest bytes a field adds to a frame.
local function least(field)
  if field.size then return field.size end
  if field.ends then return #field.ends end
  if field.object then return 2 end
  return 0
end

-- The number in a field; nothing for digits that are none.
local function number(encoding, text)
  if encoding == "digits" then
    return text:match("^%d+$") and tonumber(text)
  end
  local value = 0
  for at = 1, #text do
    local byte = encoding == "little" and text:byte(#text + 1 - at) or text:byte(at)
    value = value * 256 + byte
  end
  return value
end

-- How long the frame is, if that is its length field, which ends at `ends`.
local function total_of(length, text, ends)
  local declared = number(length.encoding, text)
  if not declared then return math.huge end
  local before = length.counts == "frame" and 0 or ends
  return math.max(declared - length.plus + before, 0)
end

-- Where the JSON object that begins after `at` bytes ends.
local function object_end(text, at)
  local depth, inside, place = 0, false, at + 1
  while true do
    local found = text:find(inside and '["\\]' or '["{}]', place)
    if not found then return nil end
    local char = text:sub(found, found)
    place = found + 1
    if char == '"' then
      inside = not inside
    elseif char == "\\" then
      place = place + 1
    elseif char == "{" then
      depth = depth + 1
    else
      depth = math.max(depth - 1, 0)
    end
    if depth == 0 and not inside then return place - 1 end
  end
end

-- What stands between the quotes of the JSON string at `place`: its first and last byte, and what is behind.
local function json_string(text, place)
  place = text:find("[^ \t\r\n\f]", place)
  if not place or text:sub(place, place) ~= '"' then return nil end
  local first = place + 1
  place = first
  while true do
    place = text:find('["\\]', place)
    if not place then return nil end
    if text:sub(place, place) == '"' then return first, place - 1, place + 1 end
    place = place + 2
  end
end

local function json_value(text, place)
  place = text:find("[^ \t\r\n\f]", place)
  if not place then return nil end
  local char = text:sub(place, place)
  if char == '"' then return json_string(text, place) end
  local first = place
  if char == "{" or char == "[" then
    local depth = 0
    while true do
      place = text:find('["{}%[%]]', place)
      if not place then return nil end
      char = text:sub(place, place)
      if char == '"' then
        local _, _, behind = json_string(text, place)
        if not behind then return nil end
        place = behind
      else
        depth = depth + ((char == "{" or char == "[") and 1 or -1)
        place = place + 1
        if depth == 0 then return first, place - 1, place end
      end
    end
  end
  place = text:find("[ \t\r\n\f,}]", place)
  if not place then return nil end
  return first, place - 1, place
end

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function unescaped(key)
  key = key:gsub("\\u00(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  return (key:gsub("\\(.)", function(char) return ESCAPES[char] or char end))
end

-- Where the value of a member lies: how many bytes are before it, and how many it has. The last of that key counts.
local function member(text, key)
  local place = text:find("[^ \t\r\n\f]")
  if not place or text:sub(place, place) ~= "{" then return nil end
  place = place + 1
  local at, size
  while true do
    local first, last, behind = json_string(text, place)
    if not first then break end
    place = text:find("[^ \t\r\n\f]", behind)
    if not place or text:sub(place, place) ~= ":" then return nil end
    local from, to, rest = json_value(text, place + 1)
    if not from then return nil end
    if unescaped(text:sub(first, last)) == key then at, size = from - 1, to - from + 1 end
    place = text:find("[^ \t\r\n\f]", rest)
    if not place or text:sub(place, place) ~= "," then break end
    place = place + 1
  end
  return at, size
end

-- Every field that a frame has: the field, the bytes before it, its size.
local function ranges(spec, text)
  local found, at, object = {}, 0, ""
  local object_at = 0
  for _, field in ipairs(spec.fields) do
    if field.member then
      local inside, size = member(object, field.member)
      if inside then found[#found + 1] = { field, object_at + inside, size } end
    else
      local size, skipped = field.size, 0
      if field.rest then
        size = math.max(#text - at - spec.tail, 0)
      elseif field.ends then
        local delimiter = text:find(field.ends, at + 1, true)
        if not delimiter then break end
        size, skipped = delimiter - 1 - at, #field.ends
      elseif field.object then
        local last = object_end(text, at)
        if not last then break end
        size = last - at
      end
      if at + size > #text then break end
      found[#found + 1] = { field, at, size }
      if not field.size then object, object_at = text:sub(at + 1, at + size), at end
      at = at + size + skipped
    end
  end
  return found
end

-- Whether every tag of a whole frame is there and in its place.
local function has_all_tags(spec, text)
  local tags = 0
  for _, field in ipairs(spec.fields) do
    if field.tag then tags = tags + 1 end
  end
  for _, range in ipairs(ranges(spec, text)) do
    local field, at, size = range[1], range[2], range[3]
    if field.tag and text:sub(at + 1, at + size) == field.tag then tags = tags - 1 end
  end
  return tags == 0
end

-- What bytes are in which a field has no end and the largest frame has: another type, if a tag behind it could have told.
local function too_long(spec, index)
  for place = index + 1, #spec.fields do
    if spec.fields[place].tag then return OTHER end
  end
  return BAD
end

-- The bytes of a frame in a read that has more, where a tag behind the field that takes the rest tells.
local function within_read(spec, text, at, open)
  local behind = spec.fields[open + 1]
  if not behind or not behind.tag then return nil end
  local found = text:find(behind.tag, at + 1, true)
  if not found then return nil end
  local total = found - 1 + spec.tail
  if total < #text and has_all_tags(spec, text:sub(1, total)) then return total end
end

-- Measure the bytes that wait against a frame type: OTHER, SHORT, BAD, or the bytes of the frame, which may be more than
-- there are; and whether a read tells where it ends.
local function measure(spec, text)
  local at, head, total, open = 0, 0, nil, nil
  for index, field in ipairs(spec.fields) do
    if field.size then
      local seen = text:sub(at + 1, at + field.size)
      local ends = at + field.size
      if field.tag then
        if not starts_with(field.tag, seen) then return OTHER end
        head = ends
      elseif field.length then
        head = ends
        if #seen == field.size then total = total_of(field.length, seen, ends) end
      end
      at = ends
    elseif not field.member then
      if field.rest or total then
        open = index
        break
      end
      if #text < at then return SHORT end
      local ends
      if field.ends then
        local found = text:find(field.ends, at + 1, true)
        if found then
          if field.tag and text:sub(at + 1, found - 1) ~= field.tag then return OTHER end
          ends = found - 1 + #field.ends
          if field.length then total = total_of(field.length, text:sub(at + 1, found - 1), ends) end
        elseif field.tag then
          local bytes = text:sub(at + 1)
          local fits = starts_with(field.tag, bytes) or starts_with(bytes, field.tag)
          if not fits or #bytes >= #field.tag + #field.ends then return OTHER end
        end
      else
        if #text > at and text:sub(at + 1, at + 1) ~= "{" then return OTHER end
        ends = object_end(text, at)
      end
      if not ends then return #text >= spec.max and too_long(spec, index) or SHORT end
      if field.tag or field.length then head = ends end
      at = ends
    end
  end
  local fewest, one_read = at, false
  if open then
    for index = open, #spec.fields do fewest = fewest + least(spec.fields[index]) end
  end
  if #text < head then return SHORT end
  if not total then
    if not open then
      total = at
    elseif #text >= fewest then
      total = within_read(spec, text, at, open)
      if not total then total, one_read = #text, true end
    else
      return SHORT
    end
  end
  local fits = total == fewest or (open and total > fewest)
  -- Another type may have that length, and tell itself by a tag that has not come yet.
  if not fits or total > spec.max then return spec.late and OTHER or BAD end
  if total < 1 then return BAD end
  if #text < total then return total end
  if spec.late and not has_all_tags(spec, text:sub(1, total)) then return OTHER end
  return total, one_read
end

-- What stands at the front of bytes: the frame type, its size, whether its turn ends with it, whether a read tells its
-- end. Without a type, all there is is RAW; without a size, more has to come.
local function front(profile, steps, turn, text)
  local step = steps[turn]
  for place, index in ipairs(step and step.types or {}) do
    local spec = profile.frames[index]
    local size, one_read = measure(spec, text)
    if size == SHORT then return spec, nil end
    if size == BAD then break end
    if size ~= OTHER then return spec, size, place <= step.ending, one_read end
  end
  return nil, #text
end

local function show(made, declared, profile, spec, range, text, tree, from_client)
  local way = from_client and "client to server" or "server to client"
  local name = spec and spec.name or "RAW"
  local title = string.format("%s %s, %d bytes, %s", declared.name, name, #text, way)
  local item = tree:add(made.proto, range, title)
  item:add(made.of_type, name):set_generated()
  item:add(made.of_way, way):set_generated()
  if not spec then
    item:add(made.of_raw, range)
    item:add_proto_expert_info(made.malformed,
      "malformed: no frame from " .. way .. " can be this here (" .. profile.name .. ")")
    return
  end
  for _, found in ipairs(ranges(spec, text)) do
    local field, at, size = found[1], found[2], found[3]
    if size > 0 then
      local part = range:range(at, size)
      local shown
      if field.encoding == "little" then
        shown = item:add_le(made.fields[field.shown], part)
      else
        shown = item:add(made.fields[field.shown], part)
      end
      if field.tag and text:sub(at + 1, at + size) ~= field.tag then
        shown:add_proto_expert_info(made.malformed, "malformed: " .. field.name .. " is another")
      end
    end
  end
end

local KINDS = {
  bytes = function(abbreviation, name, about) return ProtoField.bytes(abbreviation, name, base.NONE, about) end,
  text = function(abbreviation, name, about) return ProtoField.string(abbreviation, name, base.ASCII, about) end,
  uint32 = function(abbreviation, name, about) return ProtoField.uint32(abbreviation, name, base.DEC, nil, nil, about) end,
  uint64 = function(abbreviation, name, about) return ProtoField.uint64(abbreviation, name, base.DEC, nil, nil, about) end,
}

local function protocol(declared)
  local abbreviation = "meddle." .. declared.name
  local made = { proto = Proto(abbreviation, "Meddle " .. declared.name .. ": " .. declared.about), fields = {} }
  local proto = made.proto
  made.of_type = ProtoField.string(abbreviation .. ".frame", "Frame type")
  made.of_way = ProtoField.string(abbreviation .. ".way", "Direction")
  made.of_raw = ProtoField.bytes(abbreviation .. ".raw", "Raw", base.NONE, "What could not be cut")
  local all = { made.of_type, made.of_way, made.of_raw }
  for index, field in ipairs(declared.fields) do
    made.fields[index] = KINDS[field.kind](abbreviation .. "." .. field.abbreviation, field.name, field.about)
    all[#all + 1] = made.fields[index]
  end
  proto.fields = all
  made.malformed = ProtoExpert.new(abbreviation .. ".malformed", "malformed", expert.group.PROTOCOL, expert.severity.ERROR)
  proto.experts = { made.malformed }

  local choices = {}
  for index, profile in ipairs(declared.profiles) do
    choices[index] = { index, profile.name, index }
    local like = declared.profiles[profile.like]
    if like then profile.frames, profile.steps = like.frames, like.steps end
  end
  if #choices > 1 then
    proto.prefs.profile = Pref.enum("Profile", 1, "Which defences the ends have", choices, false)
  end
  for index, port in ipairs(declared.ports) do
    proto.prefs["port" .. index] = Pref.uint("TCP port: " .. port.name, port.port, "0: only where it is decoded as this")
  end

  -- The turn of each direction; and what it was when bytes were first seen, by packet and place.
  local turns, known = {}, {}
  function proto.init() turns, known = {}, {} end

  -- The ports it is registered for. They are left alone unless they change: what is decoded as something else stays so.
  local registered = {}
  local function register()
    local tables = DissectorTable.get("tcp.port")
    for index in ipairs(declared.ports) do
      local port, before = proto.prefs["port" .. index], registered[index] or 0
      if port ~= before then
        if before > 0 then tables:remove(before, proto) end
        if port > 0 then tables:add(port, proto) end
        registered[index] = port
      end
    end
  end
  DissectorTable.get("tcp.port"):add_for_decode_as(proto)
  register()
  proto.prefs_changed = register

  -- Which of the ports a connection goes to, from 1, and whether its client sent this. Where the port is none of ours, it
  -- is decoded as this: then the smaller number is the server's.
  local function ends(pinfo)
    for index in ipairs(declared.ports) do
      local port = proto.prefs["port" .. index]
      if port > 0 and pinfo.dst_port == port then return index, true end
      if port > 0 and pinfo.src_port == port then return index, false end
    end
    return 1, pinfo.dst_port < pinfo.src_port
  end

  -- The frames of a packet, from however many calls: what one call wrote is kept before the next.
  local written = { number = 0, names = "" }
  local function columned(pinfo, names)
    pinfo.cols.protocol:set(declared.name:upper())
    if names == "" then return end
    local again = pinfo.number == written.number and tostring(pinfo.cols.info):find(written.names, 1, true)
    pinfo.cols.info:set((again and ", " or "") .. names)
    pinfo.cols.info:fence()
    written = { number = pinfo.number, names = names }
  end

  function proto.dissector(tvb, pinfo, tree)
    local profile = declared.profiles[#choices > 1 and proto.prefs.profile or 1]
    local service, from_client = ends(pinfo)
    local sides = profile.steps[service] or profile.steps[1]
    local steps = from_client and sides.client or sides.server
    local stream = tcp_stream()
    -- In the first of two passes tshark makes no fields: there is no stream's number, and every segment counts as a read.
    local direction = string.format("%s %s:%d>%s:%d", stream and stream.value or "", pinfo.src, pinfo.src_port,
      pinfo.dst, pinfo.dst_port)
    local push = tcp_push()
    local all_read = not push or push.value
    local key = pinfo.number .. ":" .. tvb:offset() .. ":" .. tvb:len()
    local turn = known[key]
    if not turn or not pinfo.visited then
      turn = turns[direction] or 1
      known[key] = turn
    end
    local at, names = 0, {}
    while at < tvb:len() do
      local text = tvb:raw(at, tvb:len() - at)
      local spec, size, ending, one_read = front(profile, steps, turn, text)
      if not size or size > #text or (one_read and not all_read and pinfo.can_desegment > 0) then
        pinfo.desegment_offset = at
        pinfo.desegment_len = size and size > #text and size - #text or DESEGMENT_ONE_MORE_SEGMENT
        break
      end
      show(made, declared, profile, spec, tvb:range(at, size), text:sub(1, size), tree, from_client)
      names[#names + 1] = spec and spec.name or "RAW"
      at = at + size
      if ending and turn < #steps then turn = turn + 1 end
    end
    if not pinfo.visited then turns[direction] = turn end
    columned(pinfo, table.concat(names, ", "))
  end
end

for _, declared in ipairs(PROTOCOLS) do protocol(declared) end
