// A browser that does what t/lib/Browser.pm says: one JSON array a line, the order and its
// arguments; one line {"value": ...} or {"error": "..."} for each.
"use strict";

const { createInterface } = require("node:readline");
const { chromium } = require("playwright-core");

const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  // A name that browsers, unlike 127.0.0.1, trust no more than any other without https.
  "--host-resolver-rules=MAP gateway.test 127.0.0.1"];

const isRoot = process.getuid() === 0;
let browser;
const pages = [];

function watch(page, seen) {
  page.context().on("request", request => seen.requests.push(request.url()));
  page.on("console", message => {
    if (["error", "warning"].includes(message.type())) seen.complaints.push(message.text());
  });
  page.on("pageerror", error => seen.complaints.push(String(error)));
  page.on("dialog", dialog => {
    seen.complaints.push(`${dialog.type()}: ${dialog.message()}`);
    dialog.dismiss();
  });
}

const ORDERS = {
  // A page in a profile of its own; options are those of Playwright's newContext.
  async open(url, options) {
    const context = await browser.newContext(options);
    const page = await context.newPage(), seen = { requests: [], complaints: [] };
    watch(page, seen);
    // What the policy of the page forbids, if anybody tried it.
    await page.addInitScript(() => addEventListener("securitypolicyviolation",
      event => console.error(`forbidden: ${event.violatedDirective} ${event.blockedURI}`)));
    pages.push({ page, seen });
    if (url) await page.goto(url);
    return pages.length - 1;
  },
  close: id => pages[id].page.context().close(),
  visit: (id, url) => pages[id].page.goto(url).then(() => true),
  // What an expression gives in the page, now or as soon as it is true.
  ask: (id, expression) => pages[id].page.evaluate(expression),
  async comes(id, expression, seconds) {
    // Not waitForFunction: the page's policy lets it evaluate nothing later than at once.
    for (const end = Date.now() + seconds * 1000; !await pages[id].page.evaluate(expression);) {
      if (Date.now() > end) return false;
      await new Promise(done => setTimeout(done, 20));
    }
    return true;
  },
  press: (id, ...keys) => keys.reduce(
    (done, key) => done.then(() => pages[id].page.keyboard.press(key)), Promise.resolve()),
  type: (id, text) => pages[id].page.keyboard.type(text),
  hover: (id, selector, x, y) => pages[id].page.hover(selector, { position: { x, y } }),
  roles: (id, selector) => pages[id].page.locator(selector).ariaSnapshot(),
  seen: id => pages[id].seen,
  // From now on the page hears this in place of the gateway's JSON, or nothing, at this time.
  async tell(id, json, milliseconds) {
    const { page } = pages[id];
    await page.clock.setFixedTime(milliseconds);
    await page.route("**", route => route.request().resourceType() !== "fetch" ? route.continue()
      : json === null ? route.abort() : route.fulfill({ contentType: "application/json", body: json }));
  },
  picture: (id, path) => pages[id].page.screenshot({ path, animations: "disabled" }).then(() => true)
};

async function obey(line) {
  try {
    const [order, ...values] = JSON.parse(line);
    return { value: await ORDERS[order](...values) };
  } catch (error) {
    return { error: String(error) };
  }
}

(async () => {
  browser = await chromium.launch({ executablePath: process.argv[2], args: FLAGS,
    chromiumSandbox: !isRoot });
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await obey(line)) + "\n");
  }
  await browser.close();
})();
