-- Delivers events of one stream to its log, its live channel and its latest estimate, in one indivisible step.
-- KEYS: the stream of events, the live channel, the key of the latest estimate (one shard).
-- ARGV: events to keep, life of the stream in ms, life of the latest estimate in ms,
--       then for each event: identifier, JSON, "1" for an estimate or "0".
-- Returns how many events the stream refused for good.
-- Identifiers grow, so an event that arrives twice (its reply was lost) is refused by XADD: it is known by its
-- identifier and passed over. No other event may be refused, unless a second program publishes to this stream,
-- the clock was set back since its last session, or the key holds something that is not a stream.

local events, live, latest = KEYS[1], KEYS[2], KEYS[3]
local kept_events, stream_ttl_ms, latest_ttl_ms = ARGV[1], ARGV[2], ARGV[3]
local refused = 0

for first = 4, #ARGV, 3 do
  local identifier, event, estimate = ARGV[first], ARGV[first + 1], ARGV[first + 2]
  local reply = redis.pcall('XADD', events, 'MAXLEN', '~', kept_events, identifier, 'event', event)
  local failure = type(reply) == 'table' and reply.err
  if not failure then
    redis.call('PUBLISH', live, event)
    if estimate == '1' then
      redis.call('SET', latest, event, 'PX', latest_ttl_ms)
    end
  elseif string.find(failure, 'equal or smaller', 1, true) then
    if #redis.call('XRANGE', events, identifier, identifier) == 0 then
      refused = refused + 1
    end
  elseif string.find(failure, 'WRONGTYPE', 1, true) then
    refused = refused + 1
  else
    return reply
  end
end

redis.call('PEXPIRE', events, stream_ttl_ms)
return refused
