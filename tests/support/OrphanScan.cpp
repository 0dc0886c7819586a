#include "support/OrphanScan.h"

namespace drover::test {

namespace {

constexpr const char* kScan = R"(
local found = {}
local function report(...) found[#found + 1] = table.concat({...}) end

-- The queue of a key: up to its second colon (prefix and queue name have none).
local queues = {}
for _, key in ipairs(redis.call("KEYS", ARGV[1])) do
  local queue, suffix = key:match("^([^:]*:[^:]*:)(.+)$")
  if queue then
    queues[queue] = queues[queue] or {}
    queues[queue][suffix] = redis.call("TYPE", key).ok
  end
end

local states = {"wait", "paused", "active", "prioritized", "delayed", "waiting-children", "completed", "failed"}
local own = {meta = 1, id = 1, events = 1, pc = 1, marker = 1, limiter = 1, stalled = 1, ["stalled-check"] = 1,
             ["repeat"] = 1, metrics = 1, de = 1, dn = 1, drover = 1}
for _, state in ipairs(states) do own[state] = 1 end
local parts = {lock = 1, logs = 1, dependencies = 1, processed = 1, failed = 1, unsuccessful = 1}

for queue, keys in pairs(queues) do
  local stateOf = {}
  for _, state in ipairs(states) do
    local members = {}
    if keys[state] == "list" then
      members = redis.call("LRANGE", queue .. state, 0, -1)
    elseif keys[state] == "zset" then
      members = redis.call("ZRANGE", queue .. state, 0, -1)
    end
    for _, id in ipairs(members) do
      if id:sub(1, 2) ~= "0:" then
        if keys[id] ~= "hash" then report(queue, state, " has ", id, ", which has no hash") end
        if stateOf[id] then report(queue, id, " is in ", stateOf[id], " and in ", state) end
        stateOf[id] = state
      end
    end
  end

  local schedulers = {}
  if keys["repeat"] then
    for _, id in ipairs(redis.call("ZRANGE", queue .. "repeat", 0, -1)) do
      schedulers["repeat:" .. id] = true
      if keys["repeat:" .. id] ~= "hash" then report(queue, "repeat has ", id, ", which has no record") end
    end
  end
  if keys.stalled then
    for _, id in ipairs(redis.call("SMEMBERS", queue .. "stalled")) do
      if keys[id] ~= "hash" then report(queue, "stalled has ", id, ", which has no hash") end
    end
  end

  for suffix, type in pairs(keys) do
    local job, part = suffix:match("^(.+):([^:]+)$")
    if own[suffix:match("^[^:]+")] and not suffix:find("^repeat:") then
      -- The queue's own.
    elseif part and parts[part] and type ~= "hash" or part and parts[part] and keys[job] == "hash" then
      if part == "lock" and stateOf[job] ~= "active" then
        report(queue, suffix, " locks a job that is ", stateOf[job] and "in " .. stateOf[job] or "in no set")
      elseif keys[job] ~= "hash" then
        report(queue, suffix, " belongs to no job")
      elseif part == "dependencies" then
        for _, child in ipairs(redis.call("SMEMBERS", queue .. suffix)) do
          if redis.call("EXISTS", child) == 0 then report(queue, suffix, " has ", child, ", which has no hash") end
        end
      end
    elseif type == "hash" and not stateOf[suffix] and not schedulers[suffix] then
      report(queue, suffix, " is a hash in no set")
    elseif type ~= "hash" then
      report(queue, suffix, " is a ", type, " of an unknown name")
    end
  end
end
table.sort(found)
return found
)";

}  // namespace

std::vector<std::string> findOrphans(RedisClient& redis, const std::string& pattern) {
    Command command;
    for (const char* word : {"EVAL", kScan, "0"}) {
        command.add(word);
    }
    command.add(pattern);
    const Reply reply = redis.call(command);
    std::vector<std::string> found;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        found.emplace_back(reply.at(i).text());
    }
    return found;
}

}  // namespace drover::test
