-- wrk's script: POSTs one body again and again, each time with an id of its own in place of @ID@, and
-- says in lines what came of it.
--
-- wrk ... URL -- BODY NAME

local thread_of_all

function setup(thread)
    thread_of_all = thread  -- there is one
end

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    local body = file:read("*a")
    file:close()
    local headers = { ["Content-Type"] = "application/json" }
    local sent, name = 0, arguments[2]
    request = function()
        sent = sent + 1
        local id = name .. "-" .. sent
        return wrk.format("POST", nil, headers, (body:gsub("@ID@", id)))
    end
    answers = {}
end

function response(status, headers, body)
    local verdict = status .. " " .. (body:match('"outcome":"(%a+)"') or "?")
    answers[verdict] = (answers[verdict] or 0) + 1
end

function done(summary, latency)
    local errors = summary.errors.connect + summary.errors.read + summary.errors.write
        + summary.errors.timeout
    io.write(string.format("load %d %d %d %d %d\n", summary.duration, errors,
        latency:percentile(50), latency:percentile(99), latency.max))
    for verdict, count in pairs(thread_of_all:get("answers")) do
        io.write(string.format("answer %d %s\n", count, verdict))
    end
end
