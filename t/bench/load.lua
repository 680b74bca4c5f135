-- wrk's script: POSTs bodies in turn, and says in one line what came of it.
--
-- wrk ... URL -- BODY...

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

local function content_of(path)
    local file = assert(io.open(path, "rb"))
    local content = file:read("*a")
    file:close()
    return content
end

function init(paths)
    if #paths == 1 then
        wrk.body = content_of(paths[1])  -- one request, which wrk sends without asking again
        return
    end
    local requests, sent = {}, 0
    for i, path in ipairs(paths) do
        requests[i] = wrk.format(nil, nil, nil, content_of(path))
    end
    request = function()
        sent = sent + 1
        return requests[sent % #requests + 1]
    end
end

function done(summary, latency)
    local errors = 0
    for _, count in pairs(summary.errors) do
        errors = errors + count
    end
    io.write(string.format("load %d %d %d\n", summary.requests, errors, latency:percentile(50)))
end
