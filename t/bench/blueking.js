// The same translation in njs, for the alerts that come every day.
const RESOURCES = [
    'pod_name', 'pod', 'workload_name', 'bk_target_ip', 'ip', 'bk_target_service_instance_id',
    'bk_service_instance_id', 'node', 'node_name', 'instance', 'host', 'hostname', 'service_name',
    'target', 'url', 'target_host', 'task_id', 'bk_host_id', 'bk_inst_id', 'bk_topo_node',
];
const OVER = ['RECOVERY_NOTICE', 'RECOVERY_PUSH', 'CLOSED', 'CLOSE_PUSH', 'RECOVERED'];
const STATUSES = { 1: 'Critical', 2: 'Warning', 3: 'Info' };
const LEVEL_WORDS = [
    ['致命', 'Critical'], ['Fatal', 'Critical'], ['Emergency', 'Critical'], ['预警', 'Warning'],
    ['Warning', 'Warning'], ['提醒', 'Info'], ['Notice', 'Info'], ['Remind', 'Info'],
    ['Info', 'Info'],
];
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
const MAX_LABELS = 50;

function blank(text) {
    return text.length === 0 || text.trim().length === 0;
}

function isObject(value) {
    return typeof value === 'object' && value !== null;
}

function objectOf(value) {
    return isObject(value) ? value : {};
}

function arrayOf(value) {
    return Array.isArray(value) ? value : [];
}

function textOf(value) {
    if (typeof value === 'string') {
        return value;
    }
    if (value === null || value === undefined) {
        return '';
    }
    if (!isObject(value)) {
        return String(value);
    }
    if (!Array.isArray(value) || value.some(isObject)) {
        return JSON.stringify(value);
    }
    return value.map(textOf).filter((text) => !blank(text)).join(',');
}

function first(a, b) {
    return blank(a) ? b : a;
}

function cut(text, most) {
    return text.length <= most ? text : text.slice(0, most - 1) + '…';
}

function timeOf(value) {
    if (typeof value === 'number') {
        return new Date(value * 1000).toISOString().slice(0, 19).replace('T', ' ') + ' UTC';
    }
    const text = textOf(value);
    return text.length === 19 && TIME.test(text) ? text + ' UTC' : text;
}

function statusOf(body, event) {
    const hasEnded = typeof event.id === 'string' && event.id === event.event_id
        && !blank(textOf(event.end_time));
    if (hasEnded || OVER.includes(textOf(body.type).toUpperCase())) {
        return 'Ok';
    }
    const status = STATUSES[Number(textOf(event.level))];
    if (status !== undefined) {
        return status;
    }
    const levelName = textOf(event.level_name);
    const word = LEVEL_WORDS.find((known) => levelName.includes(known[0]));
    return word !== undefined ? word[1] : 'Warning';
}

function distinct(items, name) {
    const texts = [];
    for (let i = 0; i < items.length; i++) {
        const text = textOf(objectOf(items[i])[name]);
        if (!blank(text) && !texts.includes(text)) {
            texts.push(text);
        }
    }
    return texts;
}

function withoutTags(key) {
    return key.startsWith('tags.') ? key.slice(5) : key;
}

function labelName(key) {
    const name = withoutTags(key).replace(/[^a-zA-Z0-9_]/g, '_');
    return (name >= '0' && name < ':' ? '_' + name : name).slice(0, 128);
}

function shown(value, translation, name) {
    const display = name === 'error_code' ? undefined : objectOf(translation).display_value;
    let text = '';
    if (Array.isArray(display)) {
        if (display.every((part) => isObject(part) && part.bk_inst_name !== undefined)) {
            text = display.map((part) => textOf(part.bk_inst_name)).join('/');
        }
    } else if (!isObject(display)) {
        text = textOf(display);
    }
    return first(text, textOf(value));
}

// In the order of the labels.
function dimensionsOf(event, origin) {
    let values = objectOf(event.dimensions);
    let keys = Object.keys(values);
    if (keys.length === 0) {
        values = objectOf(objectOf(origin.data).dimensions);
        keys = Object.keys(values);
    }
    const ranks = {};
    const agg = arrayOf(event.agg_dimensions);
    for (let i = agg.length - 1; i >= 0; i--) {
        ranks[withoutTags(textOf(agg[i]))] = i;
    }
    const ranked = keys.map((key, place) => {
        const rank = ranks[withoutTags(key)];
        return { key: key, rank: rank === undefined ? agg.length + place : rank };
    });
    ranked.sort((a, b) => a.rank - b.rank);
    const translations = objectOf(event.dimension_translation);
    return ranked.map((ranked) => {
        const key = ranked.key;
        const name = labelName(key);
        const text = shown(values[key], translations[key], name);
        return { key: key, name: name, value: values[key], text: text };
    });
}

function resourceOf(dimensions) {
    const byName = {};
    for (let i = dimensions.length - 1; i >= 0; i--) {
        if (!blank(dimensions[i].text)) {
            byName[dimensions[i].name] = dimensions[i].text;
        }
    }
    const name = RESOURCES.find((name) => byName[name] !== undefined);
    return name === undefined ? '' : byName[name];
}

function descriptionOf(body, event, origin) {
    let description = textOf(body.description);
    if (blank(description)) {
        const anomaly = objectOf(origin.anomaly);
        const levels = [textOf(event.level)].concat(Object.keys(anomaly));
        const texts = levels.map((level) => textOf(objectOf(anomaly[level]).anomaly_message));
        description = texts.find((text) => !blank(text)) || '';
    }
    const related = textOf(body.related_info);
    if (!blank(related) && related !== '--') {
        description = blank(description) ? related : description + '\n' + related;
    }
    return cut(description, 2048);
}

function firstLine(description) {
    const lines = description.split('\n').map((line) => line.replace(
        /^(?:新告警|New Alarm|(?:已持续|Continue )[\ddhms ]+), /, ''));
    return lines.find((line) => !blank(line)) || '';
}

function oneLine(text) {
    return text.trim().replace(/\s+/g, ' ');
}

function keyOf(body, event, strategy, dimensions) {
    const id = first(textOf(event.event_id), textOf(event.id));
    if (!blank(id)) {
        return id;
    }
    const lines = dimensions.map((one) => one.key + '=' + textOf(one.value)).sort();
    const identity = [textOf(body.bk_biz_id), textOf(strategy.id)].concat(lines).join('\n');
    return 'blueking:' + require('crypto').createHash('sha256').update(identity).digest('hex');
}

// The event for a body; null when there is no alert in it.
function translate(text) {
    const body = JSON.parse(text);
    if (!isObject(body) || !isObject(body.event)) {
        return null;
    }
    const event = body.event;
    const strategy = objectOf(body.strategy);
    const origin = objectOf(objectOf(body.latest_anomaly_record).origin_alarm);
    const items = arrayOf(strategy.item_list);
    const dimensions = dimensionsOf(event, origin);
    const resource = resourceOf(dimensions);
    const description = descriptionOf(body, event, origin);
    const metricNames = distinct(items, 'metric_field_name');
    const check = oneLine(first(first(textOf(strategy.name), metricNames[0] || ''),
        first(firstLine(description), 'BlueKing alert')));
    const key = keyOf(body, event, strategy, dimensions);

    const labels = {};
    let count = 0;
    function add(name, value) {
        if (count < MAX_LABELS && !blank(value)) {
            labels[name] = cut(value, 2048);
            count++;
        }
    }
    add('source', 'blueking');
    add('resource', resource);
    add('check', check);
    add('metric', distinct(items, 'metric_id').join(','));
    add('bk_biz_id', textOf(body.bk_biz_id));
    add('bk_biz_name', textOf(body.bk_biz_name));
    add('strategy_id', textOf(strategy.id));
    add('strategy_name', textOf(strategy.name));
    add('strategy_labels', textOf(body.labels));
    add('scenario', first(textOf(body.scenario), textOf(strategy.scenario)));
    add('type', textOf(body.type));
    add('level', textOf(event.level));
    add('level_name', textOf(event.level_name));
    add('current_value', textOf(body.current_value));
    add('event_id', first(textOf(event.event_id), textOf(event.id)));
    add('begin_time', timeOf(event.begin_time));
    add('create_time', timeOf(event.create_time));
    add('end_time', timeOf(event.end_time));
    add('is_shielded', event.is_shielded === true ? 'true' : '');
    add('metric_name', metricNames.join(','));
    add('data_source', distinct(items, 'data_source_label').join(','));
    add('data_type', distinct(items, 'data_type_label').join(','));
    dimensions.forEach((dimension) => {
        const taken = labels[dimension.name];
        if (taken === undefined) {
            add(dimension.name, dimension.text);
        } else if (taken !== dimension.text) {
            add('dimension_' + dimension.name, dimension.text);
        }
    });

    const translated = {
        title_rule: cut(oneLine(blank(resource) ? check : resource + ' / ' + check)
            .replace(/\[(tpl\])/gi, '［$1'), 512),
        event_status: statusOf(body, event),
        alert_key: key,
    };
    if (!blank(description)) {
        translated.description = description;
    }
    translated.labels = labels;
    return translated;
}

function push(r) {
    const event = translate(r.requestText);
    if (event === null) {
        r.return(400, 'no alert in the body\n');
        return;
    }
    const options = { method: 'POST', body: JSON.stringify(event) };
    r.subrequest('/flashduty', options, (reply) => {
        const answer = JSON.parse(reply.responseText);
        const isTaken = reply.status >= 200 && reply.status < 300 && answer.request_id
            && !answer.error;
        const told = {
            outcome: isTaken ? 'delivered' : 'failed',
            request_id: answer.request_id,
            alert_key: event.alert_key,
        };
        r.headersOut['Content-Type'] = 'application/json';
        r.return(isTaken ? 200 : 502, JSON.stringify(told));
    });
}

export default { push };
