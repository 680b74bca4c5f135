-- The same translation in Lua, for the alerts that come every day.
local cjson = require "cjson.safe"

local find, gsub, sub, match = string.find, string.gsub, string.sub, string.match
local floor, concat, sort = math.floor, table.concat, table.sort
local null = cjson.null

local RESOURCES = {
    "pod_name", "pod", "workload_name", "bk_target_ip", "ip", "bk_target_service_instance_id",
    "bk_service_instance_id", "node", "node_name", "instance", "host", "hostname", "service_name",
    "target", "url", "target_host", "task_id", "bk_host_id", "bk_inst_id", "bk_topo_node",
}
local OVER = {
    RECOVERY_NOTICE = true, RECOVERY_PUSH = true, CLOSED = true, CLOSE_PUSH = true,
    RECOVERED = true,
}
local STATUSES = { "Critical", "Warning", "Info" }
local LEVEL_WORDS = {
    { "致命", "Critical" }, { "Fatal", "Critical" }, { "Emergency", "Critical" },
    { "预警", "Warning" }, { "Warning", "Warning" }, { "提醒", "Info" }, { "Notice", "Info" },
    { "Remind", "Info" }, { "Info", "Info" },
}
local MAX_LABELS = 50

local function blank(text)
    return not find(text, "%S")
end

local function text_of(value)
    local kind = type(value)
    if kind == "string" then
        return value
    elseif kind == "number" then
        return value == floor(value) and string.format("%.0f", value) or tostring(value)
    elseif kind == "boolean" then
        return tostring(value)
    elseif kind ~= "table" then
        return ""
    end
    local texts = {}
    for _, part in ipairs(value) do
        if type(part) == "table" then
            return cjson.encode(value)
        end
        local text = text_of(part)
        if not blank(text) then
            texts[#texts + 1] = text
        end
    end
    if #value == 0 and next(value) ~= nil then
        return cjson.encode(value)
    end
    return concat(texts, ",")
end

local function table_of(value)
    return type(value) == "table" and value or {}
end

local function first(a, b)
    return blank(a) and b or a
end

-- Cut to so many characters.
local function cut(text, most)
    if #text <= most then
        return text
    end
    local characters, keep = 0, 0
    for at in string.gmatch(text, "()[^\128-\191]") do
        characters = characters + 1
        if characters == most then
            keep = at
        elseif characters > most then
            return sub(text, 1, keep - 1) .. "…"
        end
    end
    return text
end

local function time_of(value)
    if type(value) == "number" then
        return os.date("!%Y-%m-%d %H:%M:%S UTC", value)
    end
    local text = text_of(value)
    if #text == 19 and find(text, "^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d$") then
        return text .. " UTC"
    end
    return text
end

local function status_of(body, event)
    local id, event_id = event.id, event.event_id
    if OVER[string.upper(text_of(body.type))]
        or (not blank(text_of(event.end_time)) and type(id) == "string" and id == event_id)
    then
        return "Ok"
    end
    local status = STATUSES[tonumber(text_of(event.level))]
    if status then
        return status
    end
    local level_name = text_of(event.level_name)
    for _, word in ipairs(LEVEL_WORDS) do
        if find(level_name, word[1], 1, true) then
            return word[2]
        end
    end
    return "Warning"
end

local function distinct(items, name)
    local texts, seen = {}, {}
    for _, item in ipairs(items) do
        local text = text_of(item[name])
        if not seen[text] and not blank(text) then
            seen[text] = true
            texts[#texts + 1] = text
        end
    end
    return concat(texts, ","), texts[1] or ""
end

local function label_name(key)
    key = gsub(key, "^tags%.", "")
    if find(key, "[^%w_]") then
        key = gsub(gsub(key, "[\128-\191]", ""), "[^%w_]", "_")
    end
    if find(key, "^%d") then
        key = "_" .. key
    end
    return sub(key, 1, 128)
end

local function shown(value, translation, name)
    local display = type(translation) == "table" and translation.display_value or nil
    local text = ""
    if name == "error_code" then
        display = nil
    end
    if type(display) == "table" then
        local names = {}
        for i, part in ipairs(display) do
            local instance = type(part) == "table" and part.bk_inst_name
            if instance == nil or instance == false then
                names = {}
                break
            end
            names[i] = text_of(instance)
        end
        text = concat(names, "/")
    elseif display ~= nil then
        text = text_of(display)
    end
    return first(text, text_of(value))
end

-- In the order of the labels. cjson does not keep the order of an object: by name instead.
local function dimensions_of(event, origin)
    local values = table_of(event.dimensions)
    if next(values) == nil then
        values = table_of(table_of(origin.data).dimensions)
    end
    local translations = table_of(event.dimension_translation)
    local by_name, rest, dimensions = {}, {}, {}
    for key in pairs(values) do
        by_name[gsub(key, "^tags%.", "")] = key
    end
    local function add(key)
        local name = label_name(key)
        dimensions[#dimensions + 1] = {
            key = key, name = name, value = values[key],
            text = shown(values[key], translations[key], name),
        }
    end
    for _, agg in ipairs(table_of(event.agg_dimensions)) do
        local name = type(agg) == "string" and gsub(agg, "^tags%.", "") or ""
        if by_name[name] then
            add(by_name[name])
            by_name[name] = nil
        end
    end
    for _, key in pairs(by_name) do
        rest[#rest + 1] = key
    end
    sort(rest)
    for _, key in ipairs(rest) do
        add(key)
    end
    return dimensions
end

local function resource_of(dimensions)
    local by_name = {}
    for _, dimension in ipairs(dimensions) do
        if not by_name[dimension.name] and not blank(dimension.text) then
            by_name[dimension.name] = dimension.text
        end
    end
    for _, name in ipairs(RESOURCES) do
        if by_name[name] then
            return by_name[name]
        end
    end
    return ""
end

local function description_of(body, event, origin)
    local description = text_of(body.description)
    if blank(description) then
        local anomaly = table_of(origin.anomaly)
        local by_level = table_of(anomaly[text_of(event.level)])
        description = text_of(by_level.anomaly_message)
        if blank(description) then
            local _, any = next(anomaly)
            description = text_of(table_of(any).anomaly_message)
        end
    end
    local related = text_of(body.related_info)
    if not blank(related) and related ~= "--" then
        description = blank(description) and related or description .. "\n" .. related
    end
    return cut(description, 2048)
end

local function first_line(description)
    for line in string.gmatch(description, "[^\n]+") do
        line = match(line, "^新告警, (.*)") or match(line, "^New Alarm, (.*)")
            or match(line, "^已持续[%ddhms ]+, (.*)") or match(line, "^Continue [%ddhms ]+, (.*)")
            or line
        if not blank(line) then
            return line
        end
    end
    return ""
end

local function one_line(text)
    text = match(text, "^%s*(.-)%s*$")
    return find(text, "%s%s") and gsub(text, "%s+", " ") or (gsub(text, "%s", " "))
end

local function title_of(resource, check)
    local title = blank(resource) and check or resource .. " / " .. check
    title = gsub(one_line(title), "%[([Tt][Pp][Ll]%])", "［%1")
    return cut(title, 512)
end

local function key_of(body, event, strategy, dimensions)
    local id = first(text_of(event.event_id), text_of(event.id))
    if not blank(id) then
        return id, id
    end
    local lines = {}
    for i, dimension in ipairs(dimensions) do
        lines[i] = dimension.key .. "=" .. text_of(dimension.value)
    end
    sort(lines)
    local identity = { text_of(body.bk_biz_id), text_of(strategy.id), concat(lines, "\n") }
    return "blueking:" .. ngx.md5(concat(identity, "\n")), ""
end

-- The event for a body as JSON; nil when there is no alert in it.
local function translate(text)
    local body = cjson.decode(text)
    if type(body) ~= "table" or type(body.event) ~= "table" then
        return nil
    end
    local event, strategy = body.event, table_of(body.strategy)
    local origin = table_of(table_of(body.latest_anomaly_record).origin_alarm)
    local items = table_of(strategy.item_list)
    local dimensions = dimensions_of(event, origin)
    local resource = resource_of(dimensions)
    local description = description_of(body, event, origin)
    local metric_name, first_metric = distinct(items, "metric_field_name")
    local check = one_line(first(first(text_of(strategy.name), first_metric),
        first(first_line(description), "BlueKing alert")))
    local key, event_id = key_of(body, event, strategy, dimensions)

    local labels, count = {}, 0
    local function add(name, value)
        if count < MAX_LABELS and not blank(value) then
            labels[name] = cut(value, 2048)
            count = count + 1
        end
    end
    add("source", "blueking")
    add("resource", resource)
    add("check", check)
    add("metric", (distinct(items, "metric_id")))
    add("bk_biz_id", text_of(body.bk_biz_id))
    add("bk_biz_name", text_of(body.bk_biz_name))
    add("strategy_id", text_of(strategy.id))
    add("strategy_name", text_of(strategy.name))
    add("strategy_labels", text_of(body.labels))
    add("scenario", first(text_of(body.scenario), text_of(strategy.scenario)))
    add("type", text_of(body.type))
    add("level", text_of(event.level))
    add("level_name", text_of(event.level_name))
    add("current_value", text_of(body.current_value))
    add("event_id", event_id)
    add("begin_time", time_of(event.begin_time))
    add("create_time", time_of(event.create_time))
    add("end_time", time_of(event.end_time))
    add("is_shielded", event.is_shielded == true and "true" or "")
    add("metric_name", metric_name)
    add("data_source", (distinct(items, "data_source_label")))
    add("data_type", (distinct(items, "data_type_label")))
    for _, dimension in ipairs(dimensions) do
        local name = dimension.name
        if labels[name] == nil then
            add(name, dimension.text)
        elseif labels[name] ~= dimension.text then
            add("dimension_" .. name, dimension.text)
        end
    end
    return cjson.encode({
        title_rule = title_of(resource, check),
        event_status = status_of(body, event),
        alert_key = key,
        description = not blank(description) and description or nil,
        labels = labels,
    }), key
end

-- Whether Flashduty has taken the event, and its request id.
local function taken(status, text)
    local answer = cjson.decode(text)
    local is_taken = status >= 200 and status < 300 and type(answer) == "table"
        and answer.request_id and (answer.error == nil or answer.error == null)
    return is_taken, is_taken and answer.request_id or nil
end

return { translate = translate, taken = taken, encode = cjson.encode }
