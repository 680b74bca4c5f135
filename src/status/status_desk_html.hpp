// Part of the page where a location of flashduty_api is named: lists of waiting events and of dead
// letters, and buttons. Stands within the page's own parts, whose names it uses.
#pragma once

#include <string_view>

namespace flashduty {

inline constexpr std::string_view kDeskStyle = R"page(
#desk .bar, #desk td:last-child { display: flex; flex-wrap: wrap; gap: 6px; align-items: baseline; }
#desk .bar { margin-bottom: 10px; }
#desk .bar input { width: 220px; }
#desk select { font: inherit; color: inherit; background: var(--card); max-width: 100%;
  border: 1px solid var(--soft); border-radius: 6px; padding: 4px 6px; }
#desk [role=tab] { padding: 3px 12px; font-size: 14px; }
#desk [role=tab][aria-selected=true] { color: var(--text); font-weight: bold;
  border-color: var(--soft); background: var(--page); }
#desk .open { text-align: left; white-space: normal; border: 0; padding: 0; color: var(--text);
  font-size: 14px; background: none; text-decoration: underline dotted; }
#desk td:last-child { border-bottom: 0; }
#desk tr { border-bottom: 1px solid var(--line); }
#desk td { border: 0; }
#desk .wide-cell { display: block; width: 100%; }
#desk pre { margin: 4px 0 10px; padding: 8px 10px; max-height: 320px; overflow: auto;
  background: var(--page); border-radius: 6px; font: 12.5px/1.5 ui-monospace, Menlo, Consolas,
  "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
#desk h3 { margin: 6px 0 0; font-size: 13px; color: var(--soft); }
#desk .why { overflow-wrap: anywhere; max-width: 320px; }
#places li { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: baseline; padding: 6px 0;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
#places li > :last-child { margin-left: auto; display: flex; flex-wrap: wrap; gap: 6px; }
#said { min-height: 1.5em; margin: 8px 0 0; font-size: 14px; overflow-wrap: anywhere; }
dialog { color: var(--text); background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; max-width: 440px; padding: 18px 20px; }
dialog::backdrop { background: rgb(0 0 0 / .45); }
dialog p { margin: 0 0 14px; overflow-wrap: anywhere; }
dialog div { display: flex; gap: 8px; justify-content: flex-end; }
dialog button { font-size: 14px; line-height: 28px; }
dialog .danger { color: #fff; background: var(--solid); border-color: var(--solid); }
)page";

inline constexpr std::string_view kDesk = R"page(
<section id="desk" class="wide" aria-labelledby="h-desk">
<div class="head"><h2 id="h-desk"></h2><span id="desk-mode" class="soft"></span></div>
<ul id="places"></ul>
<div class="bar" role="tablist" aria-labelledby="h-desk">
<button id="tab-waiting" role="tab" type="button" aria-controls="list" aria-selected="true"></button>
<button id="tab-dead" role="tab" type="button" aria-controls="list" aria-selected="false" tabindex="-1"></button>
</div>
<div class="bar">
<select id="place"></select>
<input id="look-for" type="search" autocomplete="off" spellcheck="false">
<button id="again" type="button"></button>
<span id="many" class="bar"></span>
</div>
<div id="list" role="tabpanel" aria-labelledby="tab-waiting">
<table role="table" aria-labelledby="h-desk">
<thead role="rowgroup"><tr role="row" id="list-head"></tr></thead>
<tbody id="list-rows" role="rowgroup"></tbody>
</table>
<p id="list-empty" class="empty" hidden></p>
<p class="bar"><button id="list-more" type="button" hidden></button></p>
</div>
<p id="said" role="status"></p>
<dialog id="sure" aria-labelledby="sure-text"><p id="sure-text"></p><div>
<button id="sure-no" type="button"></button><button id="sure-yes" type="button" class="danger"></button>
</div></dialog>
</section>
)page";

inline constexpr std::string_view kDeskScript = R"page(
// ---- what waits and what is dead, and what can be done about it

(() => {
const D = isChinese ? {
  head: "暂存中的事件", reading: "只读：flashduty_api 未设置 write=on", waits: n => `等待 (${n})`,
  dead: n => `死信 (${n})`, all: "所有目标", filter: "标题或原因包含", again: "重新查询",
  more: "更多", looked: "继续查找", none: "没有符合条件的事件。", accepted: "接收时间",
  died: "成为死信", status: "级别", title: "标题", tries: "尝试次数", why: "原因", next: "下次尝试",
  actions: "操作", discard: "丢弃", resend: "重新发送", remove: "删除", undo: "撤销",
  discardAll: "丢弃该目标的全部事件", resendAll: "全部重新发送", removeAll: "全部删除",
  tryNow: "立即尝试", pause: "暂停 1 小时", resume: "恢复", test: "测试", cancel: "取消",
  event: "推送的事件", body: "蓝鲸发来的请求体", lastTries: "最近的尝试", noTries: "尚未尝试",
  turn: "待发送", target: "目标恢复后", delivery: "等待另一条事件送达后再试",
  behind: n => `排在事件 ${n} 之后`, superseded: "已被更新的事件取代，不会再发送",
  "to be sent again": "将重新发送", state: { up: "正常", away: "不可用", paused: "已暂停", gone: "已移除" },
  until: t => `暂停至 ${t}`, probe: t => `下次尝试 ${t}`, waiting: n => `${n} 条等待`, letters: n => `${n} 条死信`,
  count: (n, busy) => `已处理 ${n} 条` + (busy ? `，${busy} 条正在推送，未改动` : ""),
  cut: "，中途停止", tried: "已安排一次尝试", paused: "已暂停", resumed: "已恢复",
  tested: (t, r) => `测试：${word(r.outcome)}，用时 ${duration(r.push_time)}`
    + (r.reason ? `：${reasonText(r.reason)}` : "")
    + (r.outcome !== "delivered" ? "" : r.alert_key_came_back ? "，Flashduty 已返回 alert_key"
      : "，但 Flashduty 未返回 alert_key：请检查推送地址的集成类型"),
  sureRemove: t => `永久删除死信“${t}”？此操作无法撤销。`, sureRemoveAll: "永久删除所有符合条件的死信？此操作无法撤销。",
  sureResend: t => `重新发送“${t}”？送达后无法撤回。`, sureResendAll: "重新发送所有符合条件的死信？送达后无法撤回。",
  sureDiscard: "丢弃该目标等待中的全部事件？它们会成为死信。", failed: why => "操作未完成：" + why,
  looking: "查询中……"
} : {
  head: "Events in the spool", reading: "Reading only: flashduty_api has no write=on",
  waits: n => `Waiting (${n})`, dead: n => `Dead letters (${n})`, all: "All targets",
  filter: "Title or reason contains", again: "Look again", more: "More", looked: "Look further",
  none: "No such event.", accepted: "Accepted", died: "Died", status: "Severity", title: "Title",
  tries: "Tries", why: "Reason", next: "Next try", actions: "Actions", discard: "Discard",
  resend: "Send again", remove: "Delete", undo: "Undo",
  discardAll: "Discard all of this target", resendAll: "Send all again", removeAll: "Delete all",
  tryNow: "Try now", pause: "Pause for 1 h", resume: "Resume", test: "Test", cancel: "Cancel",
  event: "What is pushed", body: "What BlueKing sent", lastTries: "Last tries",
  noTries: "Not tried yet", turn: "at its turn", target: "when its target is back",
  delivery: "when another event is delivered", behind: n => `after event ${n}`,
  superseded: "superseded by a newer event: never sent again", "to be sent again": "to be sent again",
  state: { up: "up", away: "away", paused: "paused", gone: "gone" }, until: t => `paused until ${t}`,
  probe: t => `next try at ${t}`, waiting: n => `${n} waiting`, letters: n => `${n} dead`,
  count: (n, busy) => `${n} done` + (busy ? `, ${busy} being pushed and not touched` : ""),
  cut: ", ended before its end", tried: "It is tried now", paused: "Paused", resumed: "Resumed",
  tested: (t, r) => `Test: ${r.outcome} in ${duration(r.push_time)}`
    + (r.reason ? `: ${reasonText(r.reason)}` : "")
    + (r.outcome !== "delivered" ? "" : r.alert_key_came_back ? ", Flashduty has named the alert"
      : ", but Flashduty has named no alert: check which kind of integration the push URL is of"),
  sureRemove: t => `Delete the dead letter “${t}” for good? This cannot be undone.`,
  sureRemoveAll: "Delete all dead letters that are meant, for good? This cannot be undone.",
  sureResend: t => `Send “${t}” again? Once it is delivered this cannot be undone.`,
  sureResendAll: "Send all dead letters again that are meant? Once delivered this cannot be undone.",
  sureDiscard: "Discard all that waits for this target? It becomes dead letters.",
  failed: why => "Not done: " + why, looking: "Looking…"
};

let pile = "waiting", mayWrite = false, places = [], shownPlaces = "", after = 0, asked = 0;
const opened = new Set();

async function call(method, path, query) {
  const text = new URLSearchParams(query || {}).toString();
  const answer = await fetch(API + path + (text && "?" + text),
    { method, cache: "no-store", credentials: "same-origin", headers: { Accept: "application/json" } });
  let json = {};
  try {
    json = await answer.json();
  } catch { /* a page of nginx itself */ }
  if (!answer.ok && !json.outcome) throw json.reason || "HTTP " + answer.status;
  return json;
}

function tell(text, ...more) {
  $("said").replaceChildren(text, ...more);
}

// Runs what may fail, says what came of it and looks again.
async function attempt(work) {
  try {
    tell(...[await work()].flat());
  } catch (why) {
    tell(D.failed(typeof why === "string" ? reasonText(why) : T.noAnswer));
  }
  await look();
}

function button(text, label, act) {
  const node = make("button", { type: "button" }, text);
  if (label) node.setAttribute("aria-label", `${text}: ${label}`);
  node.addEventListener("click", act);
  return node;
}

// Asks once more; true when that is wanted.
function isSure(text, yes) {
  const dialog = $("sure"), before = document.activeElement;
  put($("sure-text"), text);
  put($("sure-yes"), yes);
  return new Promise(resolve => {
    const end = answer => {
      dialog.close();
      if (before && before.isConnected) before.focus();
      resolve(answer);
    };
    $("sure-yes").onclick = () => end(true);
    $("sure-no").onclick = () => end(false);
    dialog.oncancel = event => { event.preventDefault(); end(false); };
    dialog.showModal();
    $("sure-no").focus();
  });
}

const done = r => D.count(count(r.count), r.busy) + (r.complete === false ? D.cut : "");

function filters() {
  const query = {};
  if ($("place").value) query.target = $("place").value;
  if ($("look-for").value.trim()) query.text = $("look-for").value.trim();
  return query;
}

// ---- targets

function showPlaces() {
  $("places").replaceChildren(...places.map(place => {
    const chip = make("span", { class: "chip " + ({ up: "ok", away: "wait" }[place.state] || "none") },
      D.state[place.state] || place.state);
    const facts = [D.waiting(count(place.waiting)), D.letters(count(place.dead)),
      place.paused_until && D.until(clock(place.paused_until)),
      place.next_probe && place.state === "away" && D.probe(clock(place.next_probe, "s")),
      place.reason && reasonText(place.reason)].filter(Boolean).join(" · ");
    const name = place.server + " " + place.uri, at = "targets/" + place.id + "/";
    const act = (text, path, said, query) => button(text, name, () =>
      attempt(async () => (await call("POST", at + path, query), said)));
    const buttons = !mayWrite ? [] : [
      act(D.tryNow, "try", D.tried),
      place.state === "paused" ? act(D.resume, "resume", D.resumed)
        : act(D.pause, "pause", D.paused, { for: "1h" }),
      button(D.test, name, () => attempt(async () =>
        D.tested(name, await call("POST", at + "test"))))];
    return make("li", {}, chip, make("code", {}, name), make("small", {}, facts),
      make("span", {}, ...buttons));
  }));
  const chosen = $("place").value;
  $("place").replaceChildren(make("option", { value: "" }, D.all), ...places.map(place =>
    make("option", { value: place.id }, place.server + " " + place.uri)));
  $("place").value = places.some(place => String(place.id) === chosen) ? chosen : "";
  const total = name => places.reduce((all, place) => all + place[name], 0);
  say("tab-waiting", D.waits(count(total("waiting"))));
  say("tab-dead", D.dead(count(total("dead"))));
  put($("desk-mode"), mayWrite ? "" : D.reading);
}

function showMany() {
  const query = filters(), all = (text, sure, method, path, danger) => button(text, "", async () => {
    if (await isSure(sure, text)) attempt(async () => done(await call(method, path, query)));
  });
  $("many").replaceChildren(...!mayWrite ? [] : pile === "dead"
    ? [all(D.resendAll, D.sureResendAll, "POST", "dead/resend"),
      all(D.removeAll, D.sureRemoveAll, "DELETE", "dead")]
    : query.target ? [all(D.discardAll, D.sureDiscard, "POST", "waiting/discard")] : []);
}

// ---- one event

function pretty(text) {
  try {
    return JSON.stringify(typeof text === "string" ? JSON.parse(text) : text, null, 2);
  } catch {
    return String(text);
  }
}

async function fill(cell, id) {
  try {
    const event = await call("GET", `${pile}/${id}`);
    const tries = event.tries.map(t => make("li", {}, `${clock(t.time, "s")} · `
      + `${t.http_status || "–"} · ${reasonText(t.reason)}`));
    cell.replaceChildren(
      make("h3", {}, D.lastTries), tries.length ? make("ul", {}, ...tries) : D.noTries,
      make("h3", {}, D.event), make("pre", { tabindex: "0" }, pretty(event.event)),
      make("h3", {}, D.body), make("pre", { tabindex: "0" }, pretty(event.body)));
  } catch (why) {
    cell.replaceChildren(typeof why === "string" ? reasonText(why) : T.noAnswer);
  }
}

function nextOf(event) {
  if (pile === "dead") return event.state === "dead" ? "" : D[event.state] || event.state;
  if (event.waits_for === "time") return clock(event.next_try, "s");
  return event.waits_for === "event" ? D.behind(event.after) : D[event.waits_for] || "";
}

function actionsOf(event) {
  if (!mayWrite) return [];
  const { id, title } = event;
  const resend = () => call("POST", `dead/${id}/resend`);
  if (pile === "waiting") {
    return [button(D.discard, title, () => attempt(async () => {
      const r = await call("POST", `waiting/${id}/discard`);
      return [done(r) + " ", button(D.undo, title, () => attempt(async () => done(await resend())))];
    }))];
  }
  const ask = (text, sure, work) => button(text, title, async () => {
    if (await isSure(sure(title), text)) attempt(async () => done(await work()));
  });
  const again = event.state === "superseded" ? [] : [ask(D.resend, D.sureResend, resend)];
  return [...again, ask(D.remove, D.sureRemove, () => call("DELETE", `dead/${id}`))];
}

function rowsOf(event) {
  const more = make("td", { class: "wide-cell", colspan: "6", role: "cell" });
  const below = make("tr", { role: "row" }, more);
  const title = button(event.title, "", () => {
    below.hidden = !below.hidden;
    title.setAttribute("aria-expanded", String(!below.hidden));
    opened[below.hidden ? "delete" : "add"](event.id);
    if (!below.hidden) fill(more, event.id);
  });
  title.className = "open";
  below.hidden = !opened.has(event.id);
  title.setAttribute("aria-expanded", String(!below.hidden));
  if (!below.hidden) fill(more, event.id);
  const at = pile === "dead" ? event.died : event.accepted;
  const row = make("tr", { role: "row" }, make("td", { class: "time" }, at ? clock(at, "s") : ""),
    make("td", {}, chip(event.status, CHIPS[event.status])), make("td", { class: "title" }, title),
    make("td", {}, count(event.attempts)),
    make("td", { class: "why" }, [reasonText(event.reason), nextOf(event)].filter(Boolean).join(" · ")),
    make("td", {}, ...actionsOf(event)));
  for (const cell of row.children) cell.setAttribute("role", "cell");
  return [row, below];
}

// ---- lists

// Pages may be empty and have a next one: goes on until there is something to show.
async function load50(from, order) {
  const events = [];
  let next = from;
  for (let pages = 0; pages < 40 && order === asked; pages++) {
    const page = await call("GET", pile, { ...filters(), after: next, limit: 50 - events.length });
    events.push(...page.events);
    next = page.next;
    if (!next || events.length >= 50) break;
  }
  return { events, next };
}

async function add(from) {
  const order = ++asked;
  const page = await load50(from, order);
  if (order !== asked) return;
  const rows = page.events.flatMap(rowsOf);
  drawn(() => from ? $("list-rows").append(...rows) : $("list-rows").replaceChildren(...rows));
  after = page.next;
  $("list-more").hidden = !after;
  put($("list-more"), page.events.length ? D.more : D.looked);
  say("list-empty", D.none);
  $("list-empty").hidden = $("list-rows").children.length > 0 || Boolean(after);
}

// A part that is drawn anew keeps the focus: by the same button, else by what stands at its place.
function drawn(draw) {
  const held = document.activeElement, label = held && held.getAttribute("aria-label");
  draw();
  if (!held || held.isConnected || document.activeElement !== document.body) return;
  const same = [...document.querySelectorAll("#desk button")]
    .find(node => label && node.getAttribute("aria-label") === label);
  (same || $("again")).focus();
}

async function look() {
  try {
    await lookAtPlaces();
    drawn(showMany);
    await add(0);
  } catch (why) {
    tell(D.failed(typeof why === "string" ? reasonText(why) : T.noAnswer));
  }
}

async function lookAtPlaces() {
  const answer = await call("GET", "targets");
  const is = JSON.stringify([answer.write, answer.targets]);
  if (is === shownPlaces) return;
  shownPlaces = is;
  mayWrite = answer.write;
  places = answer.targets;
  drawn(showPlaces);
}

function choose(name) {
  pile = name;
  opened.clear();
  for (const tab of ["waiting", "dead"]) {
    $("tab-" + tab).setAttribute("aria-selected", String(tab === name));
    $("tab-" + tab).tabIndex = tab === name ? 0 : -1;
  }
  $("list").setAttribute("aria-labelledby", "tab-" + name);
  const heads = [pile === "dead" ? D.died : D.accepted, D.status, D.title, D.tries, D.why, D.actions];
  $("list-head").replaceChildren(...heads.map(text => make("th", { role: "columnheader" }, text)));
  $("list-rows").replaceChildren();
  look();
}

for (const [id, text] of [["h-desk", D.head], ["again", D.again], ["sure-no", D.cancel]]) say(id, text);
for (const id of ["look-for"]) {
  $(id).placeholder = D.filter;
  $(id).setAttribute("aria-label", D.filter);
}
$("place").setAttribute("aria-label", T.targets);
for (const [name, other] of [["waiting", "dead"], ["dead", "waiting"]]) {
  $("tab-" + name).addEventListener("click", () => choose(name));
  $("tab-" + name).addEventListener("keydown", event => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    choose(other);
    $("tab-" + other).focus();
  });
}
let typing = 0;
$("look-for").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(look, 300);
});
$("place").addEventListener("change", look);
$("again").addEventListener("click", () => { tell(""); look(); });
$("list-more").addEventListener("click", () => add(after).catch(() => tell(D.failed(T.noAnswer))));
setInterval(() => { if (!document.hidden) lookAtPlaces().catch(() => {}); }, 5000);
choose("waiting");
})();
)page";

}  // namespace flashduty
