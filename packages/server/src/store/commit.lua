-- Commits a group of transactions: each whole or not at all, in order, a later one seeing what the earlier ones did.
--
-- KEYS  1 meta   hash: head (position), epoch, replid, clock (ms), time (ms), epochs
--       2 kv     hash: key -> "<epoch>.<revision> <value>"
--       3 lease  sorted set: lease id, scored with its deadline (ms)
--       4 log    stream: one entry a group, its id is the position after the group
-- ARGV  1 nonce of the position, should the group change anything
--       2 how many groups the log keeps, approximately
--       3 how many texts are keys that conditions ask for, 4 how many are leases that conditions ask for
--       5 the program, a JSON array of integers; "key", "lease", "text" stand for the number of a text, from 1:
--           for each transaction: number of alternatives, then for each alternative:
--             length of what follows,
--             number of keys that must be absent, [key],
--             number of keys that must have a version, [key, text "<epoch>.<revision> "],
--             number of lease conditions, [lease, 0 exists | 1 and is due | 2 and is not due],
--               among them [text "<epoch>", 3]: the history is still that of this epoch,
--             number of puts, [key, text], number of deletes, [key], number of leases, [lease, ttl in ms | -1 remove]
--       6.. the texts: first the keys, then the leases that conditions ask for, then all others in any order
-- Reply head before the group, epoch, number of replicas that are in step, then for each transaction the alternative applied, from 0, or -1.
--       Positions and revisions follow from it: each alternative applied that puts or deletes takes the next revision.
--
-- A log entry has one field, `commits`: texts parted by U+001F, namely the position before the group, and for each put
-- its key and "<epoch>.<revision> <value>", for each delete its key and "-<epoch>.<revision>".
--
-- `clock` is the fleet's own time, by which leases end. It goes as far as the server's `time` went since the last group,
-- but never back, and never by more than STEP: a server's clock that is set, or differs from that of the server which
-- was the primary before, or a machine that slept, moves no deadline that a holder could not have met.
--
-- `epochs` tells where the history may have forked: "<epoch>@<head when it began>", parted by spaces, the last 64.
--
-- Lua does not roll back: so nothing is written before all is decided, and the first write is one that Redis refuses
-- when it must refuse writes (no memory, no disk, a replica).

local META, KV, LEASE, LOG = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local args = ARGV
local TEXTS = 5
-- ms; `CLOCK_STEP_MAX` of store.ts
local STEP = 2500
-- Lua gives up to about 8000 values to a call.
local CHUNK = 4000
local call = redis.call
local sub, format, floor, max, min = string.sub, string.format, math.floor, math.max, math.min

local stored = call('HMGET', META, 'head', 'epoch', 'replid', 'clock', 'time', 'epochs')
local head, epoch, replid, epochs = stored[1], stored[2], stored[3], stored[6]
local told = call('TIME')
local time = told[1] * 1000 + floor(told[2] / 1000)
local clock = tonumber(stored[4] or time)
local now = clock + min(max(time - tonumber(stored[5] or clock), 0), STEP)

-- A promoted replica, a restart and a restored backup all bring a new replication id: commits may be missing.
local info = redis.pcall('INFO', 'replication')
if type(info) ~= 'string' then info = '' end
local current = string.match(info, 'master_replid:(%x+)') or replid or ''
local _, replicas = string.gsub(info, 'state=online', '')
local begun
if not head then
  if call('EXISTS', KV, LEASE, LOG) > 0 then
    return redis.error_reply('DAMAGED ' .. META .. ' is missing while other keys of the fleet are there')
  end
  head = '0-0'
  begun = time
elseif current ~= replid then
  begun = max(time, epoch + 1)
end
if begun then
  epoch = format('%.0f', begun)
  local starts, kept = {}, 0
  for start in string.gmatch((epochs or '') .. ' ' .. epoch .. '@' .. head, '%S+') do
    kept = kept + 1
    starts[kept] = start
  end
  epochs = table.concat(starts, ' ', max(1, kept - 63))
end

-- What the conditions ask about, kept up to date while transactions are applied: by the number of the key or lease,
-- its entry "<epoch>.<revision> <value>" or false, its deadline or false.
local readKeys, readLeases = tonumber(args[3]), tonumber(args[4])
local entry, deadline = {}, {}
for from = 1, readKeys, CHUNK do
  local values = call('HMGET', KV, unpack(args, TEXTS + from, TEXTS + min(from + CHUNK - 1, readKeys)))
  if from == 1 then
    entry = values
  else
    for i = 1, #values do entry[from + i - 1] = values[i] end
  end
end
for from = readKeys + 1, readKeys + readLeases, CHUNK do
  local to = min(from + CHUNK - 1, readKeys + readLeases)
  local scores = call('ZMSCORE', LEASE, unpack(args, TEXTS + from, TEXTS + to))
  for i = 1, #scores do deadline[from + i - 1] = scores[i] and tonumber(scores[i]) end
end

local program = cjson.decode(args[5])

-- Where the alternative's puts begin when the conditions at `at` hold, else nil.
local function holds(at)
  local count = program[at]
  for i = at + 1, at + count do
    if entry[program[i]] then return end
  end
  at = at + 1 + count
  count = program[at]
  for i = at + 1, at + 2 * count, 2 do
    local found, wanted = entry[program[i]], args[TEXTS + program[i + 1]]
    if not found or sub(found, 1, #wanted) ~= wanted then return end
  end
  at = at + 1 + 2 * count
  count = program[at]
  for i = at + 1, at + 2 * count, 2 do
    local number, wanted = program[i], program[i + 1]
    if wanted == 3 then
      if args[TEXTS + number] ~= epoch then return end
    else
      local found = deadline[number]
      if not found or (wanted == 1 and found > now) or (wanted == 2 and found <= now) then return end
    end
  end
  return at + 1 + 2 * count
end

local revision = tonumber(string.match(head, '^%d+'))
local prefix = epoch .. '.'
local record, recorded = { head }, 1
local sets, setCount, dels, delCount = {}, 0, {}, 0
local scores, scoreCount, rems, remCount = {}, 0, {}, 0
local scoreOf = {}

local function apply(at)
  local puts = program[at]
  local deletes = program[at + 1 + 2 * puts]
  local version
  if puts + deletes > 0 then
    revision = revision + 1
    version = prefix .. format('%d', revision)
  end
  for i = at + 1, at + 2 * puts, 2 do
    local key = program[i]
    local name, value = args[TEXTS + key], version .. ' ' .. args[TEXTS + program[i + 1]]
    entry[key] = value
    sets[setCount + 1], sets[setCount + 2] = name, value
    setCount = setCount + 2
    record[recorded + 1], record[recorded + 2] = name, value
    recorded = recorded + 2
  end
  at = at + 1 + 2 * puts
  for i = at + 1, at + deletes do
    local key = program[i]
    entry[key] = false
    delCount = delCount + 1
    dels[delCount] = key
    record[recorded + 1], record[recorded + 2] = args[TEXTS + key], '-' .. version
    recorded = recorded + 2
  end
  at = at + 1 + deletes
  for i = at + 1, at + 2 * program[at], 2 do
    local lease, ttl = program[i], program[i + 1]
    if ttl < 0 then
      deadline[lease] = false
      remCount = remCount + 1
      rems[remCount] = lease
    else
      deadline[lease] = now + ttl
      local score = scoreOf[ttl]
      if not score then
        score = format('%.0f', now + ttl)
        scoreOf[ttl] = score
      end
      scores[scoreCount + 1], scores[scoreCount + 2] = score, args[TEXTS + lease]
      scoreCount = scoreCount + 2
    end
  end
end

local reply, replied = { head, epoch, replicas }, 3
local at, last = 1, #program
while at <= last do
  local alternatives = program[at]
  local applied = -1
  at = at + 1
  for alternative = 0, alternatives - 1 do
    local effects = applied < 0 and holds(at + 1)
    if effects then
      apply(effects)
      applied = alternative
    end
    at = at + 1 + program[at]
  end
  replied = replied + 1
  reply[replied] = applied
end

local position = recorded > 1 and format('%d', revision) .. '-' .. args[1] or head

-- Written also when nothing changed: so a group that answers has proved that the store takes writes.
call('HSET', META, 'head', position, 'epoch', epoch, 'replid', current, 'clock', format('%.0f', now), 'time', format('%.0f', time), 'epochs', epochs or '')

local function write(command, target, list, length)
  for from = 1, length, CHUNK do
    call(command, target, unpack(list, from, min(from + CHUNK - 1, length)))
  end
end

-- The names of those that no later transaction of the group brought back.
local function gone(numbers, state)
  local names, count = {}, 0
  for i = 1, #numbers do
    if not state[numbers[i]] then
      count = count + 1
      names[count] = args[TEXTS + numbers[i]]
    end
  end
  return names, count
end

write('HSET', KV, sets, setCount)
write('HDEL', KV, gone(dels, entry))
write('ZADD', LEASE, scores, scoreCount)
write('ZREM', LEASE, gone(rems, deadline))
if recorded > 1 then
  call('XADD', LOG, 'MAXLEN', '~', args[2], position, 'commits', table.concat(record, '\31'))
end
return reply
