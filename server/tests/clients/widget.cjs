"use strict";
/* The widget in headless Chromium, against a server that runs. What is tried comes as JSON in WIDGET_TEST:
 * { scenario, server, host (where the host page is to be), tenant, key, secret, chromium, shots? }.
 * With `shots` (a folder) it takes pictures of everything that it passes.
 */
const assert = require("node:assert/strict");
const { createHmac } = require("node:crypto");
const http = require("node:http");
const path = require("node:path");
const { chromium } = require("playwright-core");

const given = JSON.parse(process.env.WIDGET_TEST);
const { server, host, tenant, key, secret } = given;
const QUESTION = "How many working days do parcels to Austria take?";
const PATIENCE = 30_000;

// ---- the host's own page ---------------------------------------------------------------------------
const CSS = `body{margin:0;font:17px/1.6 Georgia,serif;color:#222;background:#faf7f2}
header{background:#23403a;color:#fff;padding:28px 8vw}main{padding:32px 8vw;max-width:46em}
@media (prefers-color-scheme:dark){body{background:#181715;color:#ddd}}`;

const TENT = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 180"><rect width="320" height="180" fill="#bcd9e6"/>
<path d="M0 150h320v30H0z" fill="#7a9a5b"/><path d="M60 155 160 50l100 105z" fill="#d9622b"/><path d="M160 50 132 155h56z" fill="#7d3413"/></svg>`;

/** A strict host: no style, no script, no connection but what it names. */
const POLICY = `default-src 'none'; script-src ${server}; connect-src ${server} ${server.replace("http", "ws")}; ` +
  `style-src 'self'; img-src 'self' ${server} https: data:`;

const html = (attributes) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Nordlicht Shop</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="stylesheet" href="/page.css"></head>
<body><header><h1>Nordlicht Shop</h1></header><main><h2>Tents for bad weather</h2>
<p>Every tent is sewn in Kiel and tried on the coast before it is sent.</p><p>Questions? Ask at the lower edge.</p></main>
<script src="${server}/widget.js" data-tenant="${tenant}" ${attributes} async></script></body></html>`;

const pages = new Map();
const serve = () => new Promise((done) => {
  const site = http.createServer((request, response) => {
    const where = new URL(request.url, "http://host").pathname;
    if (where === "/page.css") return response.writeHead(200, { "content-type": "text/css" }).end(CSS);
    if (where === "/tent.svg") return response.writeHead(200, { "content-type": "image/svg+xml" }).end(TENT);
    if (!pages.has(where)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY });
    response.end(html(pages.get(where)));
  });
  const [name, port] = host.split(":");
  site.listen(Number(port), name, () => done(site));
});

// ---- the team, over the API ------------------------------------------------------------------------
const api = async (method, route, body) => {
  const answer = await fetch(server + route, { method, body: body && JSON.stringify(body),
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" } });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${route}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
};
const until = async (what, look) => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    assert.ok(Date.now() < end, `in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
};
const conversation = (id) => api("GET", `/api/v1/conversations/${id}`);
const reply = (id, content) => api("POST", `/api/v1/conversations/${id}/reply`, { by: "mia@shop.example", content });
const text = (words) => [{ type: "text", text: words }];

// ---- the browser -----------------------------------------------------------------------------------
let browser;
const wrong = [];
/** A visitor with a browser of their own. */
const visitor = async (options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1180, height: 820 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE);
  await context.addInitScript(() => addEventListener("securitypolicyviolation", (event) =>
    console.error(`forbidden by the page's policy: ${event.violatedDirective} ${event.blockedURI}`)));
  return context;
};
const open = async (context, attributes = "", where = "/") => {
  pages.set(where, attributes);
  const page = await context.newPage();
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => {
    if (/forbidden by the page's policy|Refused to/.test(message.text())) wrong.push(message.text());
  });
  await page.goto(`http://${host}${where}`);
  return page;
};
const chat = (page) => ({
  button: page.locator(".bubble-button"),
  panel: page.locator(".panel"),
  log: page.getByRole("log"),
  input: page.getByRole("textbox"),
  note: page.locator(".note"),
  mine: page.locator(".row.mine"),
  assistant: page.locator(".row.assistant[data-seq]"),
  human: page.locator(".row.human"),
});
const unfold = async (page) => {
  await page.getByRole("button", { name: "Open chat" }).click();
  await chat(page).panel.waitFor();
};
const ask = async (page, words) => {
  await chat(page).input.fill(words);
  await chat(page).input.press("Enter");
};
const kept = (page) => page.evaluate((name) => JSON.parse(localStorage.getItem(name)), `impresario:${tenant}:web`);
const shot = async (page, name) => {
  if (given.shots) await page.screenshot({ path: path.join(given.shots, `${name}.png`), animations: "disabled" });
};
const has = (locator, words) => locator.filter({ hasText: words }).first().waitFor();

// ---- what is tried ---------------------------------------------------------------------------------
const scenarios = {
  /** A question, the cited answer, the history after a reload, a human who takes over. */
  async conversation() {
    const context = await visitor();
    let page = await open(context);
    await shot(page, "closed");
    await unfold(page);
    let seen = chat(page);
    await shot(page, "opened");
    assert.ok(await seen.input.evaluate((node) => node.getRootNode().activeElement === node), "one can type at once");
    await ask(page, QUESTION);
    await has(seen.assistant, "four working days");
    const sources = seen.assistant.locator(".sources");
    await sources.locator("summary").click();
    await has(sources.locator("li"), "Shipping");
    await shot(page, "answered");
    const { conversation: id } = await kept(page);
    // The same conversation after a reload, each message once.
    await page.reload();
    await unfold(page);
    seen = chat(page);
    await has(seen.assistant, "four working days");
    assert.equal(await seen.mine.count(), 1);
    assert.equal((await kept(page)).conversation, id);
    await ask(page, "I want to talk to a human please");
    await has(seen.note, "A colleague will be with you shortly.");
    await shot(page, "waiting");
    await reply(id, text("Hello, this is Mia. Is it about the blue tent?"));
    await has(seen.human, "this is Mia");
    await has(seen.note, "You are talking to our team.");
    const buttons = [{ id: "yes", title: "Yes, the blue one" }, { id: "no", title: "No" }];
    await reply(id, [{ type: "buttons", body: "Which one do you mean?", buttons }]);
    await page.getByRole("button", { name: "Yes, the blue one" }).click();
    await until("the team sees what was chosen", async () =>
      (await conversation(id)).messages.some((message) => message.choice?.id === "yes"));
    await page.locator(".choice[disabled]").first().waitFor();
    await shot(page, "human");
    // Closed: what comes is counted at the button.
    await page.keyboard.press("Escape");
    await seen.panel.waitFor({ state: "hidden" });
    assert.ok(await seen.button.evaluate((node) => node.getRootNode().activeElement === node), "the focus comes back");
    await reply(id, text("I have put one aside for you."));
    await page.getByRole("button", { name: "Open chat, 1 new messages" }).waitFor();
    await shot(page, "unread");
    const all = await conversation(id);
    assert.equal(all.messages.filter((message) => message.from === "assistant").length >= 1, true);
  },

  /** News over a WebSocket, over events where there is none, by asking where there is neither. */
  async lines() {
    const without = () => { delete window.WebSocket; };
    const tries = [
      { name: "socket" },
      { name: "events", prepare: (context) => context.addInitScript(without) },
      { name: "poll", prepare: async (context) => {
        await context.addInitScript(without);
        await context.route("**/events*", (route) => route.abort());
      } },
    ];
    await Promise.all(tries.map(async ({ name, prepare }) => {
      const context = await visitor();
      await prepare?.(context);
      const page = await open(context, 'data-open="true"', `/${name}`);
      const used = new Set();
      page.on("websocket", () => used.add("socket"));
      page.on("request", (request) => {
        if (request.url().includes("/events")) used.add("events");
      });
      await page.reload();
      const seen = chat(page);
      await ask(page, QUESTION);
      await has(seen.assistant, "four working days");
      const { conversation: id } = await kept(page);
      await reply(id, text(`Live over ${name}`));
      await has(seen.human, `Live over ${name}`);
      assert.deepEqual([...used], { socket: ["socket"], events: ["events"], poll: ["events"] }[name]);
      await context.close();
    }));
  },

  /** Who the visitor is, by the host's signature; and who is not. */
  async identity() {
    const sign = (words) => createHmac("sha256", secret).update(words).digest("hex");
    const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const jwt = (claims) => {
      const words = `${base64({ alg: "HS256", typ: "JWT" })}.${base64(claims)}`;
      return `${words}.${createHmac("sha256", secret).update(words).digest("base64url")}`;
    };
    const first = await open(await visitor(), `data-open="true" data-user-id="u-17" data-user-hmac="${sign("u-17")}"`);
    await ask(first, QUESTION);
    await has(chat(first).assistant, "four working days");
    const { conversation: id, verified } = await kept(first);
    assert.equal(verified, true);
    // Another device, another form of the same word: the same conversation, and now a name.
    const exp = Math.floor(Date.now() / 1000) + 600;
    const token = jwt({ sub: "u-17", name: "Grace", exp });
    const second = await open(await visitor(), `data-open="true" data-user-jwt="${token}"`, "/phone");
    await has(chat(second).assistant, "four working days");
    assert.equal((await kept(second)).conversation, id);
    await ask(second, "Thank you!");
    const { person } = await until("the name is known", async () => {
      const found = await conversation(id);
      return found.person.name ? found : null;
    });
    assert.deepEqual([person.name, person.verified, person.external], ["Grace", true, [["user_id", "u-17"]]]);
    // A signature that is wrong counts for nothing: a stranger, who sees nothing.
    const stranger = await open(await visitor(), `data-open="true" data-user-id="u-17" data-user-hmac="${sign("u-18")}"`, "/stranger");
    await ask(stranger, "hello");
    await chat(stranger).mine.first().waitFor();
    const other = await until("a session of its own", () => kept(stranger));
    assert.deepEqual([other.verified, other.conversation === id], [false, false]);
    // Who signs out leaves nothing behind.
    await second.evaluate(() => window.ImpresarioChat.logout());
    await until("the messages are gone", async () => (await chat(second).assistant.count()) === 0);
    assert.notEqual((await kept(second)).conversation, id);
  },

  /** What does not get through is said, and can be sent again; nothing comes twice. */
  async trouble() {
    const context = await visitor();
    const page = await open(context, 'data-open="true"');
    const seen = chat(page);
    await ask(page, "hello");
    await seen.mine.first().waitFor();
    const refuse = (route) => route.fulfill({ status: 422, contentType: "application/problem+json",
      headers: { "access-control-allow-origin": "*" }, body: '{"code":"invalid_request"}' });
    await context.route("**/messages", (route) => (route.request().method() === "POST" ? refuse(route) : route.continue()));
    await ask(page, QUESTION);
    await has(page.locator(".row.failed"), "Not sent.");
    await shot(page, "failed");
    await context.unroute("**/messages");
    await page.getByRole("button", { name: "Send again" }).click();
    await has(seen.assistant, "four working days");
    assert.equal(await page.locator(".row.failed").count(), 0);
    const { conversation: id } = await kept(page);
    const said = (await conversation(id)).messages.filter((message) => message.from === "customer");
    assert.equal(said.length, 2);
    // The server is out of reach for a while.
    await context.setOffline(true);
    await ask(page, "Are you still there?");
    await page.locator(".row.pending").waitFor();
    await context.setOffline(false);
    await until("it comes when there is a network", async () =>
      (await conversation(id)).messages.some((message) => JSON.stringify(message).includes("still there")));
    await until("once", async () => (await page.locator(".row.pending").count()) === 0);
  },

  /** Everything that can be shown, judged by axe: light and dark, large and small. */
  async accessibility() {
    const { source } = require("axe-core");
    const looks = [
      { name: "desktop-light" },
      { name: "desktop-dark", options: { colorScheme: "dark" } },
      { name: "phone-light", options: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true } },
      { name: "phone-dark", options: { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true, colorScheme: "dark" } },
    ];
    const judge = async (page, state) => {
      // What is still coming in is half transparent.
      await page.evaluate(() => Promise.all(document.querySelector("#impresario-chat").shadowRoot.getAnimations()
        .filter((one) => one.effect.getComputedTiming().iterations < Infinity).map((one) => one.finished)));
      await page.evaluate(source);
      const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      const said = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
      assert.deepEqual(said, [], state);
    };
    for (const { name, options } of looks) {
      const context = await visitor(options);
      const page = await open(context, "", `/${name}`);
      await page.getByRole("button", { name: "Open chat" }).waitFor();
      await judge(page, `${name}, closed`);
      await unfold(page);
      await judge(page, `${name}, opened`);
      const seen = chat(page);
      await ask(page, QUESTION);
      await has(seen.assistant, "four working days");
      await seen.assistant.locator("summary").click();
      const { conversation: id } = await kept(page);
      for (const content of given.contents) await reply(id, content);
      await seen.human.nth(given.contents.length - 1).waitFor();
      await judge(page, `${name}, everything`);
      await page.evaluate(() => document.activeElement.shadowRoot?.activeElement?.blur());
      for (const [place, row] of (await seen.human.all()).entries()) {
        await row.scrollIntoViewIfNeeded();
        await shot(page, `${name}-${place}`);
      }
      await page.getByRole("button", { name: "The tent" }).click();
      await has(seen.mine, "The tent");
      await page.locator(".choice[aria-pressed=true]:disabled").waitFor();
      await judge(page, `${name}, chosen`);
      await shot(page, `${name}-chosen`);
      const tooWide = await page.evaluate(() => {
        const root = document.querySelector("#impresario-chat").shadowRoot;
        const log = root.querySelector(".log");
        return [...log.querySelectorAll("*")].filter((node) => node.getBoundingClientRect().right > log.getBoundingClientRect().right + 1)
          .map((node) => node.className || node.tagName);
      });
      assert.deepEqual(tooWide, [], `${name}: something sticks out`);
      await context.close();
    }
    // The page with nothing but the chat.
    const context = await visitor();
    const page = await context.newPage();
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => {
      if (/forbidden by the page's policy/.test(message.text())) wrong.push(message.text());
    });
    await page.goto(`${server}/chat/${tenant}/web`);
    await ask(page, QUESTION);
    await has(chat(page).assistant, "four working days");
    await judge(page, "the chat's own page");
    await shot(page, "page");
  },
};

(async () => {
  const site = await serve();
  browser = await chromium.launch({ executablePath: given.chromium });
  try {
    await scenarios[given.scenario]();
    assert.deepEqual(wrong, []);
  } finally {
    await browser.close();
    site.close();
    site.closeAllConnections();
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
