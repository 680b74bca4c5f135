// The page itself. Texts that come from outside only ever become text nodes.
#pragma once

#include <string_view>

namespace flashduty {

inline constexpr std::string_view kStatusPage = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Flashduty gateway</title>
<link rel="icon" href="data:,">
<style>
:root {
  color-scheme: light dark;
  --page: #f4f6f8; --card: #fff; --line: #dfe4ea; --text: #1a2330; --soft: #566273;
  --focus: #1c5fb0;
  --ok: #0f7346; --ok-bg: #e2f4ea; --wait: #875000; --wait-bg: #fff0d3;
  --bad: #b81f2b; --bad-bg: #fde8e9; --none: #4a5666; --none-bg: #e8ecf1;
  --info: #1c5fb0; --info-bg: #e3eefb; --solid: #c22733;
  --delivered: #35a571; --replayed: #1f7f86; --spooled: #c68400; --refused: #8f5fc6; --failed: #d8434d;
  --rejected: #8a96a5; --other: #4c8cd2; --p50: #1c6fc9; --p99: #b0561a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1319; --card: #161c24; --line: #2a343f; --text: #e3e8ee; --soft: #98a5b4;
    --focus: #79b8ff;
    --ok: #56cf95; --ok-bg: #12291e; --wait: #f2b84f; --wait-bg: #2e2410;
    --bad: #ff8a8a; --bad-bg: #361a1d; --none: #a9b5c2; --none-bg: #222b35;
    --info: #7db9ff; --info-bg: #15273d; --solid: #b52f3a;
    --delivered: #37a873; --replayed: #3aa7b0; --spooled: #d99a1c; --refused: #a57bdb; --failed: #e05660;
    --rejected: #768392; --other: #4d8fd6; --p50: #6ab0ff; --p99: #f0a068;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC",
    "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif;
  font-variant-numeric: tabular-nums;
}
header, main { max-width: 1200px; margin: 0 auto; padding: 0 20px; }
header { display: flex; flex-wrap: wrap; gap: 0 16px; align-items: baseline; padding: 16px 20px 10px; }
h1 { margin: 0; font-size: 16px; }
h2 { margin: 0; font-size: 14px; }
header p { margin: 0; }
header p, small, .soft, dt { color: var(--soft); font-size: 13px; }
#updated { margin-left: auto; }
main { display: grid; gap: 16px; padding-bottom: 40px; grid-template-columns: 1fr 1fr; }
section { min-width: 0; padding: 16px 18px; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
section > h2 { margin-bottom: 10px; }
.wide { grid-column: 1 / -1; }
.head { display: flex; flex-wrap: wrap; gap: 6px 8px; align-items: baseline; margin-bottom: 8px; }
.head > :last-child { margin-left: auto; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
.off { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }

#state { display: flex; gap: 16px; align-items: flex-start; padding: 18px 20px;
  border: 1px solid; border-left-width: 6px; }
#state svg { flex: none; width: 36px; height: 36px; fill: none; stroke: currentColor;
  stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
#state p { margin: 0; overflow-wrap: anywhere; }
#sentence { font-size: 21px; font-weight: bold; line-height: 1.35; padding-top: 3px; }
#detail { color: var(--text); font-size: 14px; padding-top: 2px; }
#state, .none { color: var(--none); background: var(--none-bg); }
#state.delivering, .ok { color: var(--ok); background: var(--ok-bg); }
#state.spooling, #state.warn, .wait { color: var(--wait); background: var(--wait-bg); }
#state.failing, .bad { color: var(--bad); background: var(--bad-bg); }
.info { color: var(--info); background: var(--info-bg); }
.worst { color: #fff; background: var(--solid); }
.stale { --card: var(--page); }
.stale section:not(#state) { border-style: dashed; filter: grayscale(1); }

dl { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px 16px; margin: 0; }
dl div { min-width: 0; }
dd { margin: 0; font-size: 21px; font-weight: bold; line-height: 1.3; }
dd + dd { font-size: 13px; font-weight: 400; color: var(--soft); min-height: 1.3em; }
.loud { color: var(--wait); }
.note { margin: 12px 0 0; padding-top: 10px; border-top: 1px solid var(--line); font-size: 13px;
  overflow-wrap: anywhere; }
code, .id { font: 12.5px/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
ul { list-style: none; margin: 0; padding: 0; }
#targets li, #edges li { display: grid; grid-template-columns: auto 1fr; gap: 0 10px; align-items: baseline;
  padding: 7px 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
#targets li:first-child, #edges li:first-child { border: 0; padding-top: 0; }
#targets small, #edges small { grid-column: 2; }
#targets .chip, #edges .chip { min-width: 58px; text-align: center; }
.chip { display: inline-block; padding: 0 8px; border-radius: 9px; font-size: 12.5px;
  font-weight: bold; line-height: 19px; white-space: nowrap; }

.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 13px; min-height: 40px;
  align-content: flex-start; margin-bottom: 8px; }
.legend b { font-weight: bold; }
.legend svg { width: 12px; height: 10px; margin-right: 5px; }
.plot { height: 176px; touch-action: pan-y; }
.plot svg { display: block; overflow: visible; }
.plot line { stroke: var(--line); }
.plot text { fill: var(--soft); font-size: 11.5px; }
.cursor { fill: var(--soft); opacity: .2; }
.p50, .p99 { fill: none; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.p50 { stroke: var(--p50); }
.p99 { stroke: var(--p99); stroke-dasharray: 1 4; }
.delivered { fill: var(--delivered); } .replayed { fill: var(--replayed); } .spooled { fill: var(--spooled); }
.refused { fill: var(--refused); } .failed { fill: var(--failed); }
.rejected { fill: var(--rejected); } .other { fill: var(--other); }

input, button { font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; }
::placeholder { color: var(--soft); opacity: 1; }
input { width: 260px; max-width: 100%; padding: 5px 10px; border-color: var(--soft); }
button { padding: 0 8px; font-size: 12.5px; line-height: 20px; cursor: pointer; color: var(--soft);
  white-space: nowrap; }
button:hover { color: var(--text); border-color: var(--soft); }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { position: sticky; top: 0; background: var(--card); color: var(--soft); font-size: 13px;
  font-weight: bold; text-align: left; box-shadow: inset 0 -1px var(--line); }
th, td { padding: 6px 16px 6px 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); }
tbody tr:hover { background: color-mix(in srgb, var(--line) 30%, transparent); }
.time, .delay { white-space: nowrap; }
th:nth-child(6), .delay { text-align: right; }
.title { width: 42%; overflow-wrap: anywhere; }
.cut { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.biz { max-width: 150px; overflow-wrap: anywhere; }
.outcome small { display: block; overflow-wrap: anywhere; }
.copy { display: flex; gap: 8px; }
.id { max-width: 130px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.empty { margin: 18px 0 8px; text-align: center; color: var(--soft); }

@media (max-width: 860px) { main { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 640px) {
  header, main { padding-left: 12px; padding-right: 12px; }
  main { gap: 10px; }
  section { padding: 14px; }
  h1 { width: 100%; }
  #state { gap: 12px; padding: 14px; }
  #state svg { width: 28px; height: 28px; }
  #sentence { font-size: 18px; padding-top: 1px; }
  dl { grid-template-columns: 1fr 1fr; }
  input { width: 100%; font-size: 16px; }
  table, tbody { display: block; }
  thead { position: absolute; clip-path: inset(50%); }
  tr { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: baseline; padding: 9px 0;
    border-bottom: 1px solid var(--line); }
  td { border: 0; padding: 0; }
  .delay { margin-left: auto; }
  .title { order: 1; width: 100%; }
  .biz { order: 2; max-width: 45%; color: var(--soft); font-size: 13px; }
  .request { order: 3; margin-left: auto; }
  .outcome small { display: inline; margin-left: 5px; }
}
/*desk*/
</style>
</head>
<body>
<header>
<h1 data-t="name">Flashduty gateway</h1>
<p id="version"></p>
<p id="updated"></p>
</header>
<main id="main">
<section id="state" class="wide" aria-labelledby="sentence">
<svg viewBox="0 0 24 24" aria-hidden="true"><path id="sign"/></svg>
<div>
<p id="sentence"><span id="say" role="status">…</span><span id="tail"></span></p>
<p id="detail"></p>
</div>
</section>
<noscript><section class="wide">This page needs JavaScript.</section></noscript>
<section aria-labelledby="h-waits">
<h2 id="h-waits" data-t="waits"></h2>
<dl id="spool">
<div><dt data-t="waiting"></dt><dd id="waiting">–</dd><dd><span id="bytes"></span> <span id="drain"></span></dd></div>
<div><dt data-t="oldest"></dt><dd id="oldest">–</dd><dd id="oldest-at"></dd></div>
<div><dt data-t="next"></dt><dd id="next">–</dd><dd id="next-at"></dd></div>
<div><dt data-t="dead"></dt><dd id="dead">–</dd><dd></dd></div>
</dl>
<p id="no-spool" class="soft" data-t="noSpool" hidden></p>
<p id="trouble-note" class="note" hidden><b data-t="trouble"></b> <span id="trouble"></span></p>
<p id="error-note" class="note" hidden><b data-t="lastError"></b> <span id="error"></span></p>
<p id="dead-note" class="note" hidden><b data-t="deadNote"></b> <span data-t="deadHint"></span><br><code>spool 'SELECT * FROM dead_letters LIMIT 20'</code></p>
</section>
<section aria-labelledby="h-targets">
<h2 id="h-targets" data-t="targets"></h2>
<ul id="targets"></ul>
<p id="no-targets" class="soft" data-t="noTargets" hidden></p>
</section>
<section id="fleet" class="wide" aria-labelledby="h-fleet" hidden>
<h2 id="h-fleet" data-t="fleet"></h2>
<ul id="edges"></ul>
<p id="fleet-note" class="note" hidden><b data-t="trouble"></b> <span id="fleet-trouble"></span></p>
</section>
<section aria-labelledby="h-events">
<div class="head"><h2 id="h-events" data-t="events"></h2><span class="soft when"></span></div>
<ul id="events-legend" class="legend"></ul>
<div id="events" class="plot" role="slider" tabindex="0" aria-labelledby="h-events"></div>
</section>
<section aria-labelledby="h-pushes">
<div class="head"><h2 id="h-pushes" data-t="pushes"></h2><span class="soft when"></span></div>
<ul id="pushes-legend" class="legend"></ul>
<div id="pushes" class="plot" role="slider" tabindex="0" aria-labelledby="h-pushes"></div>
</section>
<section class="wide" aria-labelledby="h-alerts">
<div class="head"><h2 id="h-alerts" data-t="alerts"></h2>
<span id="count" class="soft"></span>
<input id="filter" type="search" autocomplete="off" spellcheck="false"></div>
<table role="table" aria-labelledby="h-alerts">
<thead role="rowgroup"><tr role="row"><th role="columnheader" data-t="time"></th><th role="columnheader" data-t="severity"></th><th role="columnheader" data-t="title"></th><th role="columnheader" data-t="biz"></th><th role="columnheader" data-t="outcome"></th><th role="columnheader" data-t="delay"></th><th role="columnheader" data-t="request"></th></tr></thead>
<tbody id="alerts" role="rowgroup"></tbody>
</table>
<p id="empty" class="empty" hidden></p>
<button id="more-alerts" type="button" hidden></button>
</section>
<!--desk-->
</main>
<p id="live" class="off" role="status"></p>
<script>
"use strict";
(() => {
const EN = {
  name: "Flashduty gateway", waits: "Spool", waiting: "Waiting", oldest: "Oldest",
  next: "Next try", dead: "Dead letters", lastError: "Last error:", trouble: "Trouble:",
  targets: "Targets", events: "Alerts per minute", pushes: "Push time", alerts: "Last alerts",
  time: "Time", severity: "Severity", title: "Title", biz: "Business", outcome: "Outcome",
  delay: "Delay", request: "Request id",
  noSpool: "There is no spool: an alert that Flashduty does not take is answered with an error, and BlueKing tries again.",
  noTargets: "Nothing has been pushed yet.",
  deadNote: "Dead letters:",
  deadHint: "Flashduty refused them, or they became too old. README, “The spool”, says how to look at them and send them again:",
  filter: "Filter, all columns", none: "No alert yet.", noMatch: "No alert matches.",
  space: " ", hour: "last hour", up: "up", away: "away", idle: "idle", copy: "Copy", copied: "Copied", byHand: "Ctrl+C",
  copyId: "Copy request id", more: "Show all", less: "Show less", onDisk: n => n + " on disk",
  drain: (n, left) => `${n} a minute leave, ${left} left`,
  since: t => "since " + t, at: t => "at " + t, in: d => "in " + d, now: "now",
  from: address => "from " + address,
  failedLast: why => "the last push failed: " + why,
  moreAlerts: n => `Show ${n} more`,
  updated: t => "Updated " + t, of: (n, all) => n + " of " + all,
  delivering: () => "Delivering", ready: () => "Ready: nothing pushed yet",
  warn: (t, why) => `Delivering, but the spool cannot be used since ${t}: ${why}`,
  doubt: (t, why) => `Unknown since ${t}: ${why}`,
  apart: (t, why) => `Delivering, but without the fleet since ${t}: ${why}`,
  spooling: (t, why) => `Spooling since ${t}` + (why && " because " + why),
  failing: (t, why) => `Failing since ${t}` + (why && " because " + why),
  wait: (n, s) => ". " + s + (n === 1 ? "\u00a0alert waits" : "\u00a0alerts wait") + " on disk.", stop: ".",
  lastDelivery: d => `Last delivery ${d} ago.`, noDelivery: "Nothing delivered since nginx started.",
  safe: "Nothing is lost: what waits is delivered as soon as Flashduty takes it.",
  act: "This does not pass by itself: the target below says what to put right. What waits is kept until max_age.",
  tells: "Whether that is over, the next alert will tell.",
  fix: "The target below says what to put right.",
  paced: "What waits leaves one after the other, at flashduty_rate.",
  unheard: (n, s) => `Nothing pushed yet: ${s} ` + (n === 1 ? "request was" : "requests were") + " answered with an error",
  live: "Alerts are pushed at once, and one that Flashduty does not take is not kept.",
  local: "What this edge takes is on its own disk until the fleet's database is back.",
  lost: "Alerts sent now are answered with an error. BlueKing tries again a few times, then they are lost.",
  stale: (t, why) => `Not refreshed since ${t}: ${why}`, never: why => "No figures: " + why,
  before: s => "Before that: " + s, noAnswer: "the gateway does not answer",
  slow: "no answer within 5 s", http: n => "the gateway answers HTTP " + n,
  bad: "the answer is not what this page knows",
  fleet: "Fleet", database: "Database", here: "this edge", leads: "delivers for all",
  seen: d => `seen ${d} ago`, onEdge: n => n + " on its own disk",
  replicas: n => n === 1 ? "1 standby" : n + " standbys", noStandby: "does not wait for a standby",
  append: (p50, p99) => `a batch is safe in ${p50}, 99 % in ${p99}`,
  ahead: d => `its clock is ${d} ahead`, behind: d => `its clock is ${d} behind`,
  silent: "its agent says nothing",
  word: { replayed: "delivered from the spool" },
  unit: { ms: "\u00a0ms", s: "\u00a0s", min: "\u00a0min", h: "\u00a0h", d: "\u00a0d" }
};
const ZH = {
  name: "Flashduty 网关", waits: "暂存", waiting: "等待", oldest: "最早一条", next: "下次尝试",
  dead: "死信", lastError: "最近错误：", trouble: "故障：", targets: "目标", events: "每分钟告警数",
  pushes: "推送耗时", alerts: "最近告警", time: "时间", severity: "级别", title: "标题", biz: "业务",
  outcome: "结果", delay: "延迟", request: "请求 ID",
  noSpool: "未启用暂存：Flashduty 未接收的告警会以错误应答，由蓝鲸重试。",
  noTargets: "尚未推送过。",
  deadNote: "死信：",
  deadHint: "被 Flashduty 拒绝，或已超过期限。查看和重新发送的方法见 README“暂存”一节：",
  filter: "过滤（所有列）", none: "尚无告警。", noMatch: "没有匹配的告警。",
  space: "", hour: "最近一小时", up: "正常", away: "不可用", idle: "空闲", copy: "复制", copied: "已复制", byHand: "按 Ctrl+C",
  copyId: "复制请求 ID", more: "显示全部", less: "收起", onDisk: n => "占用磁盘 " + n,
  drain: (n, left) => `每分钟投递 ${n} 条，约需 ${left}`,
  since: t => "自 " + t, at: t => t, in: d => d + "后", now: "现在",
  from: address => "来自 " + address,
  failedLast: why => "最近一次推送失败：" + why,
  moreAlerts: n => `再显示 ${n} 条`,
  updated: t => "更新于 " + t, of: (n, all) => `${n} / ${all}`,
  delivering: () => "正常投递", ready: () => "就绪：尚未推送过告警",
  warn: (t, why) => `正常投递，但自 ${t} 起无法使用暂存：${why}`,
  doubt: (t, why) => `自 ${t} 起状态未知：${why}`,
  apart: (t, why) => `正常投递，但自 ${t} 起脱离集群：${why}`,
  spooling: (t, why) => `自 ${t} 起转入暂存` + (why && "，原因：" + why),
  failing: (t, why) => `自 ${t} 起投递失败` + (why && "，原因：" + why),
  wait: (n, s) => `。${s} 条告警在磁盘上等待。`, stop: "。",
  lastDelivery: d => `最近一次送达：${d}前。`, noDelivery: "nginx 启动后尚未送达告警。",
  safe: "不会丢失：Flashduty 恢复接收后立即投递。",
  act: "不会自行恢复：请按下方目标的提示处理。等待的告警保留至 max_age。",
  tells: "是否已恢复，下一条告警推送时即可得知。",
  fix: "请按下方目标的提示处理。",
  paced: "等待的告警按 flashduty_rate 依次投递。",
  unheard: (n, s) => `尚未推送过告警：${s} 个请求以错误应答`,
  live: "告警会立即推送；Flashduty 未接收的不会保存。",
  local: "本节点接收的告警保存在本机磁盘，直到集群数据库恢复。",
  lost: "此时发来的告警会以错误应答，蓝鲸会重试数次，之后丢失。",
  stale: (t, why) => `自 ${t} 起未能刷新：${why}`, never: why => "没有数据：" + why,
  before: s => "此前：" + s, noAnswer: "网关没有应答",
  slow: "5 秒内没有应答", http: n => "网关返回 HTTP " + n, bad: "应答无法识别",
  fleet: "集群", database: "数据库", here: "本节点", leads: "负责投递",
  seen: d => `${d}前在线`, onEdge: n => n + " 条在其本机磁盘",
  replicas: n => n + " 个备库", noStandby: "提交时不等待备库",
  append: (p50, p99) => `写入耗时 ${p50}，99% 在 ${p99} 以内`,
  ahead: d => `时钟快 ${d}`, behind: d => `时钟慢 ${d}`, silent: "其代理没有消息",
  word: { fleet: "正常", holding: "等待", alone: "单独", draining: "移交", unseen: "失联",
    Critical: "严重", Warning: "警告", Info: "提醒", Ok: "恢复", delivered: "已送达",
    replayed: "从暂存送达", spooled: "已暂存", refused: "被拒绝", failed: "失败", rejected: "无效请求",
    "test, preview": "测试、预览", pushes: "推送" },
  unit: { ms: "\u00a0毫秒", s: "\u00a0秒", min: "\u00a0分", h: "\u00a0小时", d: "\u00a0天" }
};
// Of a connection that failed, without what stands in brackets.
const TROUBLES = [
  ["the connection was refused", "连接被拒绝"], ["the connection timed out", "连接超时"],
  ["the connection was reset", "连接被重置"], ["the connection was closed", "连接关闭，没有应答"],
  ["the connection failed", "连接失败"], ["its name was not resolved", "域名解析失败"],
  ["nginx has given up", "nginx 已暂停使用其所有地址，请为 server 加上 max_fails=0"],
  ["TLS failed: its certificate has expired", "TLS 失败，证书已过期"],
  ["TLS failed: its certificate is not valid yet", "TLS 失败，证书尚未生效，或本机时钟偏慢"],
  ["TLS failed: its certificate is of a CA", "TLS 失败，证书的 CA 不受信任"],
  ["TLS failed: its certificate is for", "TLS 失败，证书属于其他域名"],
  ["TLS failed: its certificate", "TLS 失败，证书不被接受"],
  ["TLS failed: no TLS", "TLS 失败，该端口不是 TLS"], ["TLS failed", "TLS 失败"],
  ["what answered does not speak HTTP", "对方不是 HTTP 服务"],
  ["the answer's header", "应答的头部无效或过大"]
];
// Reasons that the gateway itself gives.
const DOUBT = /\bnothing was pushed since /;
const REASONS = [
  [/^Flashduty could not be reached: see .*/, "无法连接 Flashduty，详见 nginx 错误日志"],
  [/^Flashduty could not be reached: (.*)$/, (all, why) =>
    "无法连接 Flashduty：" + (TROUBLES.find(t => why.startsWith(t[0])) || [0, why])[1] +
    why.replace(/^[^(]*/, " ").trimEnd()],
  [/^Flashduty's answer was cut.*/, "Flashduty 的应答被截断"],
  [/^the answer had a Content-Encoding \((.*)\), .*/, "应答带有 Content-Encoding（$1），而推送并未要求，请检查中间的代理"],
  [/^Flashduty did not answer in time$/, "Flashduty 未及时应答"],
  [/^Flashduty asks to slow down$/, "Flashduty 要求放慢速度"],
  [/^Flashduty answered (\w+)$/, "Flashduty 返回 $1"],
  [/^the fleet's database is away/, "集群数据库不可用"],
  [/^this edge works alone/, "本节点单独工作"],
  [/^this edge hands over to the fleet what it has kept/, "本节点正在把保存的告警移交给集群"],
  [/^no worker pushes what waits in the spool$/, "没有 worker 投递暂存的告警"],
  [/^the push location answered HTTP (\d+): .*/, "推送地址返回 HTTP $1，请检查推送地址和集成密钥"],
  [/^the push location answered HTTP (\d+), .*/, "推送地址返回 HTTP $1，但不是 Flashduty 的应答，请检查推送地址"],
  [/^the configuration has no location "(.*?)".*/, "配置中已没有 location $1，请加回来，或转移它的事件"],
  [/^the configuration has no server block "(.*?)".*/, "配置中已没有 server 块 $1，请加回来，或转移它的事件"],
  [/^no location of this server block matches "(.*?)".*/, "server 块中没有匹配 $1 的 location，请检查 flashduty_push"],
  [/^the uri of flashduty_push is empty .*/, "flashduty_push 的 uri 为空，请为 map 加上 default"],
  [/^the integration key came out empty in location "(.*?)".*/, "location $1 中的集成密钥为空，未发送"],
  [/^the push URL is that of another kind .*/, "推送地址属于另一种集成：请在 Flashduty 中选择“标准告警事件”，并使用它的推送地址"],
  [/^the push URL has no integration key.*/, "推送地址中没有集成密钥：请从 Flashduty 复制完整的推送地址"],
  [/^the push URL has the placeholder .*/, "推送地址中的集成密钥还是占位符 KEY"],
  [/^Flashduty named no alert .*/, "Flashduty 的应答没有指明告警：推送地址是“标准告警事件”集成的吗？"],
  [/^nginx itself answered HTTP (\d+): .*/, "nginx 自身返回 HTTP $1，请检查 flashduty_push 指向的 location"],
  [/^nginx has no connection or memory left$/, "nginx 的连接或内存已用尽"],
  [/^an earlier event of this alert waits$/, "该告警更早的事件仍在等待"],
  [/^(?:its target is )?paused by the operator$/, "目标已被人工暂停"],
  [/^discarded by the operator$/, "已被人工丢弃"],
  [/^not delivered within (.*)$/, "超过 $1 未能投递"],
  [/^(\d+) more targets? (?:is|are) away$/, "另有 $1 个目标不可用"]
];
// Short forms of the spool's trouble.
const BRIEFS = {
  "the spool is locked by another program": "暂存被其他程序锁住",
  "the spool's disk stalls": "暂存所在的磁盘没有响应", "the spool cannot be written": "暂存无法写入",
  "the spool was made by a newer version of the gateway": "暂存由更新版本的网关创建",
  "the spool is damaged": "暂存已损坏", "the spool's disk is full": "暂存所在的磁盘已满",
  "the spool is full": "暂存已满", "the spool's disk fails": "暂存所在的磁盘出错"
};
const SIGNS = {
  delivering: ["M12 2a10 10 0 1 0 .01 0M7 12.5l3.5 3.5L17 9", "#1f9d61"],
  spooling: ["M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0", "#d58a00"],
  warn: ["M12 3l10 18H2zM12 10v5M12 18v.1", "#d58a00"],
  failing: ["M8 2h8l6 6v8l-6 6H8l-6-6V8zM9 9l6 6M15 9l-6 6", "#d8323e"],
  ready: ["M12 2a10 10 0 1 0 .01 0M8 12h8", "#77838f"],
  unknown: ["M12 2a10 10 0 1 0 .01 0M9 9.5c0-4 6-4 6-.3c0 2-3 2.3-3 4.6M12 17.5v.1", "#77838f"]
};
const MODES = { fleet: "ok", holding: "wait", draining: "wait", alone: "bad", unseen: "none" };
const CHIPS = { Critical: "worst", Warning: "wait", Info: "info", Ok: "ok" };
const TONES = { delivered: "ok", spooled: "wait", refused: "bad", failed: "bad" };
const KINDS = ["delivered", "replayed", "spooled", "refused", "failed", "rejected", "other"];

const wanted = (navigator.languages || [navigator.language || ""])
  .map(tag => tag.toLowerCase().slice(0, 2)).find(tag => tag === "zh" || tag === "en");
const isChinese = wanted === "zh";
const T = isChinese ? ZH : EN;
const TAG = isChinese ? "zh-CN" : "en-GB";

// ---- small tools

const $ = id => document.getElementById(id);
const word = name => T.word[name] || name;
const plainText = text => REASONS.reduce((t, [from, to]) => t.replace(from, to), text);
// Reasons of the gateway in Chinese, wherever one is made of several.
const FRAMES = [
  [/^(.*?); (\d+ more targets? (?:is|are) away)$/, (first, rest) => `${chineseText(first)}；${plainText(rest)}`],
  [/^(.*?); ((?:\S+ )*?\/\S*: .*)$/, (first, second) => `${chineseText(first)}；${chineseText(second)}`],
  [/^(the spool(?:'s disk)? [^,:]*)(?:, and (.*))?$/, (brief, why) =>
    BRIEFS[brief] && BRIEFS[brief] + (why ? "；" + chineseText(why) : "")],
  [/^the event is on disk and will be delivered(?:: (.*))?$/, why =>
    "事件已在磁盘上，将会投递" + (why ? "：" + chineseText(why) : "")],
  [/^((?:\S+ )*?\/\S*)(?: and (\d+) more)?: (.*)$/, (name, more, why) =>
    name + (more ? ` 等 ${+more + 1} 个目标` : "") + "：" + chineseText(why)],
  [/^nothing was pushed since (?:the last push failed: (.*)|(\d+ events .*))$/, (failed, refused) =>
    failed ? `最近一次推送失败，之后没有推送过：${chineseText(failed)}` : `${chineseText(refused)}；之后没有推送过`],
  [/^(\d+) events in a row were refused: (.*)$/, (n, why) => `连续 ${n} 个事件被拒绝：${chineseText(why)}`],
  [/^(\d+) events are refused: (.*); nothing else was sent to compare$/, (n, why) =>
    `${n} 个事件被拒绝，没有其他事件可作对照：${chineseText(why)}`]
];
function chineseText(text) {
  for (const [frame, say] of FRAMES) {
    const found = frame.exec(text);
    const said = found && say(...found.slice(1));
    if (said) return said;
  }
  return plainText(text);
}
const reasonText = text => (isChinese ? chineseText(text) : text).replace(/[.。]$/, "");

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
const say = (id, text) => put($(id), text);

function make(tag, attributes, ...inside) {
  const node = document.createElement(tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  node.append(...inside);
  return node;
}

function draw(parent, tag, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  node.textContent = text;
  parent.append(node);
  return node;
}

const number = new Intl.NumberFormat(TAG);
const count = n => number.format(n);
const part = options => new Intl.DateTimeFormat(TAG, { hourCycle: "h23", ...options });
const hm = { hour: "2-digit", minute: "2-digit" }, hms = { ...hm, second: "2-digit" };
const md = { day: "numeric", month: "short" };
const FORMATS = {
  day: part({ year: "numeric", ...md }), m: part(hm), s: part(hms),
  dm: part({ ...md, ...hm }), ds: part({ ...md, ...hms }),
  exact: part({ year: "numeric", month: "2-digit", day: "2-digit", ...hms,
    fractionalSecondDigits: 3, timeZoneName: "short" })
};
const format = (kind, seconds) => FORMATS[kind].format(seconds * 1000);
let now = 0;  // by the gateway's clock
const isToday = seconds => format("day", seconds) === format("day", now);
const clock = (seconds, kind = "m") => format(isToday(seconds) ? kind : "d" + kind, seconds);

function duration(seconds) {
  const unit = T.unit;
  if (seconds < .9995) return count(Math.round(seconds * 1000)) + unit.ms;
  if (seconds < 9.95) return (Number.isInteger(seconds) ? seconds : seconds.toFixed(1)) + unit.s;
  const whole = Math.round(seconds);
  if (whole < 60) return whole + unit.s;
  const [big, small, size] = whole < 3600 ? ["min", "s", 60]
    : whole < 86400 ? ["h", "min", 3600] : ["d", "h", 86400];
  const rest = Math.floor(whole % size / (size === 86400 ? 3600 : size / 60));
  return count(Math.floor(whole / size)) + unit[big] + (rest ? " " + rest + unit[small] : "");
}

function bytes(n) {
  const [size, unit] = n < 1e6 ? [1e3, " kB"] : n < 1e9 ? [1e6, " MB"] : [1e9, " GB"];
  return (n / size).toFixed(n < 1e6 ? 0 : 1) + unit;
}

// ---- the sentence

function showState(state, text, tail, detail, title) {
  $("state").className = "wide " + state;
  const [path, color] = SIGNS[state];
  if ($("sign").getAttribute("d") !== path) {
    $("sign").setAttribute("d", path);
    document.querySelector("link").href = "data:image/svg+xml," + encodeURIComponent(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="${path}" fill="none" `
      + `stroke="${color}" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>`);
  }
  say("say", text);
  say("tail", tail);
  say("detail", detail);
  if (document.title !== title) document.title = title;
}

/// Whole words; Chinese has none to be told apart.
const shorten = text => text.length <= 40 || isChinese ? text.slice(0, 40)
  : text.slice(0, 41).replace(/\s+\S*$/, "") + "…";

function showSentence(status) {
  const { spool, reason } = status;
  const isUntried = sum(Object.values(status.flashduty_pushes_total)) === 0;
  const { rejected = 0, failed = 0 } = status.flashduty_events_total;
  const errors = isUntried ? rejected + failed : 0;
  const isApart = reason && status.fleet && (status.fleet.mode !== "fleet" || !status.fleet.up) && !spool.trouble;
  const state = status.state !== "delivering" ? status.state : reason ? "warn"
    : errors ? "warn" : isUntried ? "ready" : "delivering";
  const last = status.flashduty_last_delivery_timestamp_seconds;
  const ago = last ? T.lastDelivery(duration(Math.max(0, Math.round(now - last)))) : T.noDelivery;
  const waits = spool.waiting > 0 && (state !== "delivering" || spool.oldest_seconds > 5);
  const needsHand = status.targets.some(target => target.needs);
  const isDoubt = state === "warn" && DOUBT.test(reason);
  const warned = errors && !reason ? "" : isApart ? T.local : !isDoubt ? T.live : needsHand ? T.fix : T.tells;
  const advice = { spooling: needsHand ? T.act : T.safe, warn: warned,
    failing: T.lost, delivering: waits ? T.paced : "" }[state] || "";
  const head = errors && !reason ? T.unheard(errors, count(errors))
    : T[isDoubt ? "doubt" : isApart && state === "warn" ? "apart" : state](clock(status.since), reasonText(reason));
  showState(state, head, waits ? T.wait(spool.waiting, count(spool.waiting)) : T.stop,
    advice + (advice && T.space) + ago, shorten(head) + (waits ? ` (${count(spool.waiting)})` : "") + " · " + T.name);
}

// ---- what waits

const nextTry = seconds => seconds >= 1 ? T.in(duration(Math.round(seconds))) : T.now;

function showSpool({ spool, reason }) {
  const old = spool.oldest_seconds, next = spool.next_try_seconds;
  $("spool").hidden = !spool.enabled;
  $("no-spool").hidden = spool.enabled;
  say("waiting", count(spool.waiting));
  say("bytes", spool.bytes ? T.onDisk(bytes(spool.bytes)) : "");
  const drained = minutes.slice(-3, -1).reduce((all, m) => all + m.replayed, 0) / 2;
  say("drain", spool.waiting && drained ? T.drain(count(Math.round(drained)),
    duration(spool.waiting / drained * 60)) : "");
  say("oldest", spool.waiting ? duration(old < 10 ? old : Math.floor(old)) : "–");
  say("oldest-at", spool.waiting ? T.since(clock(now - old)) : "");
  say("next", next === null ? "–" : nextTry(next));
  say("next-at", next > 1 ? T.at(clock(now + next, "s")) : "");
  say("dead", count(spool.dead));
  $("dead").className = spool.dead ? "loud" : "";
  $("dead-note").hidden = !spool.dead;
  say("trouble", reasonText(spool.trouble));
  $("trouble-note").hidden = !spool.trouble || spool.trouble === reason;
  say("error", spool.last_error && reasonText(spool.last_error) + " · " + clock(spool.last_error_at, "s"));
  $("error-note").hidden = !spool.last_error;
}

function showTargets(targets) {
  const list = $("targets");
  $("no-targets").hidden = targets.length > 0;
  while (list.children.length > targets.length) list.lastChild.remove();
  while (list.children.length < targets.length) {
    list.append(make("li", {}, make("span", {}), make("code", {}), make("small", {})));
  }
  [...targets].sort((a, b) => a.up - b.up).forEach((target, i) => {
    const [chip, name, more] = list.children[i].children;
    chip.className = "chip " + (target.up === null ? "none" : target.up ? "ok" : "wait");
    put(chip, target.up === null ? T.idle : target.up ? T.up : T.away);
    put(name, target.target);
    put(more, [target.since ? T.since(clock(target.since)) : "",
      target.next_try_seconds === null ? "" : T.next + " " + nextTry(target.next_try_seconds),
      target.up === null && target.reason ? T.failedLast(reasonText(target.reason))
        : reasonText(target.reason || target.warning || "")].filter(Boolean).join(" · "));
  });
}

// ---- the fleet

function fillLine(line, mode, name, facts) {
  const [chip, text, more] = line.children;
  chip.className = "chip " + mode[1];
  put(chip, mode[0]);
  put(text, name);
  put(more, facts.filter(Boolean).join(" · "));
}

function databaseFacts(fleet) {
  const offset = Math.abs(fleet.clock_offset) < 1 ? "" : duration(Math.abs(fleet.clock_offset));
  return [fleet.up_since ? T.since(clock(fleet.up_since)) : "",
    fleet.synchronous ? "" : T.noStandby, fleet.replicas === null ? "" : T.replicas(fleet.replicas),
    fleet.append_p99 === null ? "" : T.append(duration(fleet.append_p50), duration(fleet.append_p99)),
    offset && (fleet.clock_offset > 0 ? T.ahead : T.behind)(offset), fleet.reason];
}

function showFleet(fleet) {
  $("fleet").hidden = !fleet;
  if (!fleet) return;
  const list = $("edges"), size = fleet.edges.length + 1;
  while (list.children.length > size) list.lastChild.remove();
  while (list.children.length < size) {
    list.append(make("li", {}, make("span", {}), make("code", {}), make("small", {})));
  }
  const isWeak = fleet.up && (!fleet.synchronous || fleet.replicas === 0);
  fillLine(list.children[0], fleet.up ? [T.up, isWeak ? "wait" : "ok"] : [T.away, "bad"],
    T.database + (fleet.database && " " + fleet.database), databaseFacts(fleet));
  fleet.edges.forEach((edge, i) => fillLine(list.children[i + 1], [word(edge.mode), MODES[edge.mode] || "none"],
    edge.edge, [edge.edge === fleet.edge ? T.here : "", edge.leader ? T.leads : "",
      [edge.version, edge.revision].filter(Boolean).join(" "),
      edge.seen_seconds > 5 ? T.seen(duration(Math.floor(edge.seen_seconds))) : "",
      edge.local_events ? T.onEdge(count(edge.local_events)) : "", edge.drift]));
  say("fleet-trouble", fleet.heard ? fleet.trouble : T.silent);
  $("fleet-note").hidden = fleet.heard && !fleet.trouble;
}

// ---- the last hour

const HIGH = 146, LEFT = 48, TOP = 8;
let minutes = [], picked = null, drawn = "";

function legend(id, names, swatch) {
  for (const name of names) {
    const item = make("li", {});
    swatch(draw(item, "svg", { viewBox: "0 0 12 10", "aria-hidden": "true" }), name);
    item.append(make("span", {}, word(name === "other" ? "test, preview" : name)), " ", make("b", {}));
    $(id).append(item);
  }
}

function frame(box, ticks, y, label) {
  const width = Math.max(box.clientWidth, LEFT + minutes.length), step = (width - LEFT) / minutes.length;
  const svg = draw(document.createDocumentFragment(), "svg",
    { width, height: HIGH + 30, "aria-hidden": "true" });
  for (const tick of ticks) {
    draw(svg, "line", { x1: LEFT, x2: width, y1: y(tick), y2: y(tick) });
    draw(svg, "text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, label(tick));
  }
  minutes.forEach((minute, i) => {
    const x = LEFT + i * step;
    if (minute.time === picked) {
      draw(svg, "rect", { class: "cursor", x, y: TOP, width: step, height: HIGH - TOP });
    }
    const every = width < 480 ? 20 : 10;
    if (new Date(minute.time * 1000).getMinutes() % every === 0 && i > 0 && i < minutes.length - 1) {
      draw(svg, "text", { x: x + step / 2, y: HIGH + 20, "text-anchor": "middle" },
        format("m", minute.time));
    }
  });
  box.replaceChildren(svg);
  return { svg, step, at: i => LEFT + i * step };
}

const amount = (minute, kind) => kind === "other" ? minute.test + minute.preview : minute[kind];
const sum = list => list.reduce((all, n) => all + n, 0);

function drawEvents() {
  const most = Math.max(2, ...minutes.map(m => sum(KINDS.map(kind => amount(m, kind)))));
  const power = 10 ** Math.floor(Math.log10(most));
  const top = [1, 2, 4, 6, 8, 10].map(n => n * power).find(n => n >= most && n % 2 === 0);
  const y = n => HIGH - n / top * (HIGH - TOP);
  const { svg, step, at } = frame($("events"), [0, top / 2, top], y, count);
  minutes.forEach((minute, i) => {
    let low = HIGH;
    for (const kind of KINDS) {
      const n = amount(minute, kind);
      if (!n) continue;
      const height = Math.max(2, HIGH - y(n));
      low -= height;
      draw(svg, "rect", { class: kind, x: at(i) + step * .1, y: low, width: step * .8, height });
    }
  });
}

function drawPushes() {
  const times = minutes.filter(m => m.pushes).flatMap(m => [m.push_p50, m.push_p99])
    .map(t => Math.max(.001, t));
  let low = Math.floor(Math.log10(Math.min(...times, .1)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...times, .1)) - 1e-9));
  const y = t => HIGH - (Math.log10(Math.max(.001, t)) - low) / (high - low) * (HIGH - TOP);
  const ticks = [];
  for (let power = low; power <= high; power++) ticks.push(10 ** power);
  if (high - low === 1) ticks.push(2 * ticks[0], 5 * ticks[0]);
  const { svg, step, at } = frame($("pushes"), ticks, y,
    t => t < 1 ? Math.round(t * 1000) + T.unit.ms : t + T.unit.s);
  for (const name of ["p99", "p50"]) {
    let path = "", isOpen = false;
    minutes.forEach((minute, i) => {
      if (minute.pushes) {
        const to = `${at(i) + step / 2} ${y(minute["push_" + name])}`;
        path += isOpen ? "L" + to : `M${to}h.01`;
      }
      isOpen = minute.pushes > 0;
    });
    draw(svg, "path", { class: name, d: path });
  }
}

function showHour() {
  const key = [picked, $("events").clientWidth, $("pushes").clientWidth, JSON.stringify(minutes)].join();
  if (key === drawn || !minutes.length) return;
  drawn = key;
  drawEvents();
  drawPushes();
  const minute = minutes.find(m => m.time === picked);
  const shown = minute ? [minute] : minutes;
  const values = KINDS.map(kind => sum(shown.map(m => amount(m, kind))));
  const pushed = minute || [...minutes].reverse().find(m => m.pushes) || minutes[0];
  const times = ["push_p50", "push_p99"].map(p => pushed.pushes ? duration(pushed[p]) : "–");
  const put2 = (id, list) => list.forEach((value, i) => put($(id).children[i].lastChild, value));
  put2("events-legend", values.map(count));
  put2("pushes-legend", [...times, count(pushed.pushes)]);
  const [events, pushes] = document.querySelectorAll(".when");
  put(events, minute ? format("m", picked) : T.hour);
  put(pushes, pushed.pushes || minute ? format("m", pushed.time) : T.hour);
  for (const [id, when] of [["events", events], ["pushes", pushes]]) {
    const items = [...$(id + "-legend").children].map(item => item.textContent.trim());
    const box = $(id), at = minutes.findIndex(m => m.time === picked);
    box.setAttribute("aria-valuemax", minutes.length - 1);
    box.setAttribute("aria-valuenow", at < 0 ? minutes.length - 1 : at);
    box.setAttribute("aria-valuetext", `${when.textContent}: ${items.join(", ")}`);
  }
}

function pick(index) {
  const at = Math.max(0, Math.min(minutes.length - 1, index));
  picked = index === null || !minutes.length ? null : minutes[at].time;
  showHour();
}

function watch(box) {
  const point = event => {
    const x = event.clientX - box.getBoundingClientRect().left - LEFT;
    pick(x < 0 ? null : Math.floor(x / (box.clientWidth - LEFT) * minutes.length));
  };
  box.addEventListener("pointermove", point);
  box.addEventListener("pointerdown", point);
  box.addEventListener("pointerleave", () => pick(null));
  box.addEventListener("blur", () => pick(null));
  box.addEventListener("keydown", event => {
    const at = minutes.findIndex(m => m.time === picked), end = minutes.length - 1;
    const to = { ArrowLeft: at < 0 ? end : at - 1, ArrowRight: at < 0 ? end : at + 1, Home: 0,
      End: end, Escape: null }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    pick(to);
  });
}

// ---- the last alerts

const rows = new Map();  // what an alert says: its row and the text that is filtered

async function copy(button, id) {
  let isCopied = false;
  try {
    await navigator.clipboard.writeText(id.textContent);
    isCopied = true;
  } catch {  // no permission, or no https
    getSelection().selectAllChildren(id);
    isCopied = document.execCommand("copy");
  }
  put(button, isCopied ? T.copied : T.byHand);
  say("live", button.textContent);
  setTimeout(() => { put(button, T.copy); say("live", ""); }, 2000);
}

function titleCell(text) {
  const shown = make("div", { dir: "auto" }, text), cell = make("td", { class: "title" }, shown);
  if (text.length > 50) {
    const button = make("button", { type: "button", "aria-expanded": "false" }, T.more);
    shown.className = "cut";
    button.addEventListener("click", () => {
      const isCut = shown.classList.toggle("cut");
      button.setAttribute("aria-expanded", !isCut);
      put(button, isCut ? T.more : T.less);
    });
    cell.append(button);
  }
  return cell;
}

function requestCell(text) {
  const cell = make("td", { class: "request" });
  if (text) {
    const id = make("span", { class: "id", title: text }, text);
    const button = make("button", { type: "button", title: T.copyId, tabindex: -1 }, T.copy);
    button.addEventListener("click", () => copy(button, id));
    cell.append(make("div", { class: "copy" }, id, button));
  }
  return cell;
}

const chip = (name, tone) => make("span", { class: "chip " + (tone || "none"), title: name }, word(name));

function makeRow(alert) {
  const time = make("time", { datetime: new Date(alert.time * 1000).toISOString(),
    title: format("exact", alert.time) }, clock(alert.time, "s"));
  const outcome = make("td", { class: "outcome" }, chip(alert.outcome, TONES[alert.outcome]));
  if (alert.count > 1) outcome.append(" ", make("b", {}, "×" + count(alert.count)));
  if (alert.code) outcome.append(make("small", {}, alert.code));
  if (alert.reason && alert.title) outcome.append(make("small", {}, reasonText(alert.reason)));
  const biz = make("td", { class: "biz" }, make("bdi", {}, alert.biz_name || ""));
  if (alert.address) biz.append(make("small", {}, T.from(alert.address)));
  if (alert.biz_id) biz.append(alert.biz_name ? " " : "", make("small", {}, "#" + alert.biz_id));
  const tr = make("tr", { role: "row" },
    make("td", { class: "time" }, time),
    make("td", {}, alert.status ? chip(alert.status, CHIPS[alert.status]) : ""),
    titleCell(alert.title || reasonText(alert.reason || "")), biz, outcome,
    make("td", { class: "delay" }, alert.delay_seconds === null ? "" : duration(alert.delay_seconds)),
    requestCell(alert.request_id));
  for (const cell of tr.children) cell.setAttribute("role", "cell");
  const text = [...tr.children].map((cell, i) => (i === 2 ? cell.firstChild.textContent : cell.textContent)).join(" ")
    + ` ${alert.status} ${alert.outcome} ${time.title}`;
  return { tr, text: text.toLowerCase() };
}

function showAlerts(alerts) {
  const times = new Map(), list = [];
  for (const alert of alerts) {
    const same = JSON.stringify(alert), n = times.get(same) || 0;
    times.set(same, n + 1);
    const key = n + same + isToday(alert.time);
    if (!rows.has(key)) rows.set(key, makeRow(alert));
    list.push(key);
  }
  const kept = new Set(list);
  for (const [key, { tr }] of rows) {
    if (kept.has(key)) continue;
    tr.remove();
    rows.delete(key);
  }
  let at = $("alerts").firstChild;
  for (const key of list) {
    const { tr } = rows.get(key);
    if (tr === at) at = at.nextSibling;
    else $("alerts").insertBefore(tr, at);
  }
  filter();
}

const phone = matchMedia("(max-width: 640px)");
let isWhole = false;  // on a phone: all of the list

/// A single stop for Tab in the whole list, arrows go on from there.
function rove(to) {
  const buttons = [...$("alerts").querySelectorAll("button")].filter(b => b.offsetParent);
  const now = buttons.includes(to) ? to : buttons.find(b => b.tabIndex === 0) || buttons[0];
  for (const button of $("alerts").querySelectorAll("button")) {
    button.tabIndex = button === now ? 0 : -1;
  }
  return buttons;
}

$("alerts").addEventListener("keydown", event => {
  const buttons = rove(event.target), at = buttons.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined || !buttons[to]) return;
  event.preventDefault();
  rove(buttons[to]);
  buttons[to].focus();
});

function offerMore() {
  const titles = [...document.querySelectorAll("#alerts .cut")];
  const isWhole = titles.map(title => title.scrollHeight <= title.clientHeight + 1);
  titles.forEach((title, i) => { title.nextSibling.hidden = isWhole[i]; });
}

function filter() {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const most = phone.matches && !isWhole ? 20 : Infinity;
  let found = 0;
  for (const { tr, text } of rows.values()) {
    const isFound = words.every(w => text.includes(w));
    found += isFound;
    tr.hidden = !isFound || (found > most);
  }
  $("more-alerts").hidden = found <= most;
  say("more-alerts", T.moreAlerts(count(found - most)));
  $("count").setAttribute("aria-live", words.length ? "polite" : "off");
  say("count", words.length ? T.of(count(found), count(rows.size)) : count(rows.size));
  say("empty", rows.size ? T.noMatch : T.none);
  $("empty").hidden = found > 0;
  offerMore();
  rove();
}

// ---- every two seconds

const URL_HERE = location.origin + location.pathname + location.search;
let refreshed = 0, sentence = "";

async function load() {
  const stop = new AbortController(), timer = setTimeout(() => stop.abort(), 5000);
  try {
    const answer = await fetch(URL_HERE,
      { headers: { Accept: "application/json" }, cache: "no-store", signal: stop.signal });
    if (!answer.ok) throw T.http(answer.status);
    return await answer.json();
  } catch (error) {
    throw typeof error === "string" ? error : stop.signal.aborted ? T.slow
      : error instanceof SyntaxError ? T.bad : T.noAnswer;
  } finally {
    clearTimeout(timer);
  }
}

function show(status) {
  now = status.now;
  minutes = status.minutes;
  showSentence(status);
  showSpool(status);
  showTargets(status.targets);
  showFleet(status.fleet);
  showHour();
  showAlerts(status.alerts);
  const build = status.flashduty_build_info;
  say("version", `${build.version} · nginx ${build.nginx}`);
}

async function refresh() {
  try {
    const status = await load();
    try {
      show(status);
    } catch (error) {
      console.error(error);
      throw T.bad;
    }
    refreshed = Date.now() / 1000;
    sentence = $("sentence").textContent;
    $("main").classList.remove("stale");
    say("updated", T.updated(format("s", refreshed)));
  } catch (why) {
    // A lost answer is none to worry about.
    if (Date.now() / 1000 - refreshed > 3.5) {
      $("main").classList.add("stale");
      now = Date.now() / 1000;
      const text = refreshed ? T.stale(clock(refreshed, "s"), why) : T.never(why);
      showState("unknown", text, T.stop, sentence && T.before(sentence), "? " + T.name);
    }
  }
  setTimeout(refresh, 2000);
}

document.documentElement.lang = isChinese ? "zh-CN" : "en";
for (const node of document.querySelectorAll("[data-t]")) put(node, T[node.dataset.t]);
$("filter").placeholder = T.filter;
$("filter").setAttribute("aria-label", T.filter);
$("filter").addEventListener("input", filter);
$("more-alerts").addEventListener("click", () => { isWhole = true; filter(); });
phone.addEventListener("change", filter);
$("filter").addEventListener("keydown", event => {
  if (event.key !== "Escape") return;
  event.target.value = "";
  filter();
});
legend("events-legend", KINDS, (svg, kind) =>
  draw(svg, "rect", { class: kind, y: 0, width: 10, height: 10, rx: 2 }));
legend("pushes-legend", ["p50", "p99", "pushes"], (svg, name) =>
  name === "pushes" ? svg.remove() : draw(svg, "path", { class: name, d: "M1 5H11" }));
for (const id of ["events", "pushes"]) {
  $(id).setAttribute("aria-valuemin", 0);
  watch($(id));
}
addEventListener("resize", () => { showHour(); offerMore(); });
refresh();
//desk
})();
</script>
</body>
</html>
)page";

}  // namespace flashduty
