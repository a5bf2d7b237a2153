-- SPDX-License-Identifier: MIT
-- wrk's part: sends the requests of a file in order, again and again (a line is PATH, a tab, KEY), and prints a line of JSON at the end.
-- arguments: FILE, "again" or "once" (exit after as many answers as there are lines), further header lines

local requests, at, answers = {}, 0, 0

local function exit_after_last()
   answers = answers + 1
   if answers == #requests then
      os.exit(0)
   end
end

function init(arguments)
   local fields = table.concat(arguments, "\r\n", 3) .. (#arguments > 2 and "\r\n" or "")
   for line in io.lines(arguments[1]) do
      local path, key = line:match("^(.*)\t(.*)$")
      requests[#requests + 1] = "GET " .. path .. " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " .. key .. "\r\n" .. fields .. "\r\n"
   end
   if arguments[2] == "once" then
      response = exit_after_last
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format('{"requests": %d, "seconds": %f, "p50_us": %f, "p99_us": %f, "p999_us": %f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
