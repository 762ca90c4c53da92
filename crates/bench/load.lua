-- The load of `cargo xtask bench`, for wrk:
--   mint ORIGIN FILE        posts the mint's form with a cookie from FILE, values of 43 characters one after the other
--   get PATH FILE           gets PATH with a `Cookie` header from FILE, one a line
--   refresh BASIC FILE      posts the form of a refresh with a token from FILE, one a line and all of one length, each once
--   login ORIGIN USER PASSWORD   signs in
-- Prints its figures as one line of JSON.

local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local browser = {
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  ["Accept"] = "*/*",
  ["Accept-Language"] = "en-GB,en;q=0.9",
  ["Accept-Encoding"] = "gzip, deflate, br, zstd",
  ["Sec-Fetch-Site"] = "same-site",
  ["Sec-Fetch-Mode"] = "cors",
  ["Sec-Fetch-Dest"] = "empty",
}

local next_request

-- Each thread begins elsewhere and visits all sessions in a scattered order.
local STEP = 611953

local function mint(origin, path)
  local LENGTH = 43
  local values = read(path)
  local count = math.floor(#values / LENGTH)
  browser["Origin"] = origin
  browser["Content-Type"] = "application/x-www-form-urlencoded;charset=UTF-8"
  browser["Cookie"] = "__Host-Http-sid=@"
  local text = wrk.format("POST", "/iam/oauth/token", browser, "grant_type=session&idle_for=0")
  local at = assert(text:find("@", 1, true))
  local head, tail = text:sub(1, at - 1), text:sub(at + 1)
  local index = math.floor(number * count / 2) % count
  next_request = function()
    index = (index + STEP) % count
    return head .. values:sub(index * LENGTH + 1, index * LENGTH + LENGTH) .. tail
  end
end

local function get(target, path)
  local requests = {}
  for line in read(path):gmatch("[^\n]+") do
    browser["Cookie"] = line
    requests[#requests + 1] = wrk.format("GET", target, browser)
  end
  local index = number
  next_request = function()
    index = index % #requests + 1
    return requests[index]
  end
end

local function refresh(basic, path)
  local values = read(path)
  local length = assert(values:find("\n", 1, true)) - 1
  local count = #values / (length + 1)
  local headers = {
    ["Authorization"] = "Basic " .. basic,
    ["Content-Type"] = "application/x-www-form-urlencoded",
  }
  local text = wrk.format("POST", "/iam/oauth/token", headers, "grant_type=refresh_token&refresh_token=" .. ("@"):rep(length))
  local at = assert(text:find("@", 1, true))
  local head, tail = text:sub(1, at - 1), text:sub(at + length)
  -- Each of two threads has a half. When that is used up, what is sent is no token; the refusal fails the measurement.
  local index, last = math.floor(number * count / 2), math.floor((number + 1) * count / 2)
  next_request = function()
    if index == last then
      return text
    end
    local start = index * (length + 1)
    index = index + 1
    return head .. values:sub(start + 1, start + length) .. tail
  end
end

local function login(origin, user, password)
  browser["Origin"] = origin
  browser["Content-Type"] = "application/json"
  local body = string.format('{"username":"%s","password":"%s"}', user, password)
  local text = wrk.format("POST", "/iam/passwordlogin", browser, body)
  next_request = function()
    return text
  end
end

function init(args)
  local kinds = { mint = mint, get = get, refresh = refresh, login = login }
  kinds[args[1]](args[2], args[3], args[4])
end

function request()
  return next_request()
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50_us":%.0f,"p99_us":%.0f}\n',
    summary.requests,
    summary.duration,
    errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50),
    latency:percentile(99)
  ))
end
