-- What `wrk` does: sends the requests of a file in turn, and checks the status of every answer.
-- Arguments: the file, whole requests with a zero byte between them; the status.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  requests, next_request = {}, 0
  local file = assert(io.open(args[1], "rb"))
  for text in file:read("*a"):gmatch("%Z+") do
    table.insert(requests, text)
  end
  file:close()
  expected, other_statuses, other_status = tonumber(args[2]), 0, 0
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function response(status)
  if status ~= expected then
    other_statuses, other_status = other_statuses + 1, status
  end
end

function done(summary, latency)
  local others, other = 0, 0
  for _, thread in ipairs(threads) do
    others = others + thread:get("other_statuses")
    if thread:get("other_status") ~= 0 then other = thread:get("other_status") end
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  local form = 'load: {"requests": %d, "errors": %d, "other_statuses": %d, "other_status": %d, "p50_us": %.1f, "p99_us": %.1f}\n'
  io.write(string.format(form, summary.requests, errors, others, other, latency:percentile(50), latency:percentile(99)))
end
