-- What `wrk` does: sends the credentials of a file in turn, and checks the status of every answer.
-- Arguments: the file, the method, the client's address, the status.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  requests, next_request = {}, 0
  for credential in io.lines(args[1]) do
    local headers = { ["Authorization"] = "Bearer " .. credential, ["CF-Connecting-IP"] = args[3] }
    table.insert(requests, wrk.format(args[2], nil, headers))
  end
  expected, other_statuses, other_status = tonumber(args[4]), 0, 0
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
