/* The chat widget of a website. One script, no dependencies, everything inside a shadow root.
 *
 *   <script src="https://HOST/widget.js" data-tenant="ten_…" data-connection="web" async></script>
 *
 * The page may say who its visitor is, signed by its own server:
 *   <script … data-user-jwt="…">  or  data-user-id="…" data-user-hmac="…"
 * and later: ImpresarioChat.identify({ jwt }) or identify({ user_id, hmac }), ImpresarioChat.logout(),
 * ImpresarioChat.open(), close(), toggle(). data-open="true" opens it at once; data-full="true" makes it the
 * whole page.
 */
(() => {
  "use strict";
  const script = document.currentScript || document.querySelector("script[data-tenant][src*='widget.js']");
  if (!script || window.ImpresarioChat) return;
  const data = script.dataset;
  const connection = data.connection || "web";
  const base = new URL(script.src, location.href).origin + "/widget/v1/" +
    encodeURIComponent(data.tenant || "") + "/" + encodeURIComponent(connection);
  // Fills the page: there is nothing to open or to close.
  const full = data.full === "true";
  const storeKey = "impresario:" + data.tenant + ":" + connection;

  // ---- words ---------------------------------------------------------------------------------
  const WORDS = {
    en: { open: "Open chat", close: "Close chat", write: "Write a message", send: "Send", log: "Messages",
      typing: "is writing…", offline: "No connection. Trying again…", failed: "Not sent.", again: "Send again", older: "Show older messages",
      sources: "Sources", you: "You", agent: "Team", unread: "new messages", human: "You are talking to our team.", waiting: "A colleague will be with you shortly.",
      slow: "Please wait a moment.", unavailable: "The chat is not available right now.", minutes: "min", more: "View" },
    de: { open: "Chat öffnen", close: "Chat schließen", write: "Nachricht schreiben", send: "Senden", log: "Nachrichten",
      typing: "schreibt…", offline: "Keine Verbindung. Neuer Versuch…", failed: "Nicht gesendet.", again: "Erneut senden", older: "Ältere Nachrichten zeigen",
      sources: "Quellen", you: "Sie", agent: "Team", unread: "neue Nachrichten", human: "Sie sprechen mit unserem Team.", waiting: "Gleich ist jemand für Sie da.",
      slow: "Bitte warten Sie einen Moment.", unavailable: "Der Chat ist gerade nicht verfügbar.", minutes: "Min.", more: "Ansehen" },
    fr: { open: "Ouvrir le chat", close: "Fermer le chat", write: "Écrire un message", send: "Envoyer", log: "Messages",
      typing: "écrit…", offline: "Pas de connexion. Nouvel essai…", failed: "Non envoyé.", again: "Renvoyer", older: "Messages plus anciens",
      sources: "Sources", you: "Vous", agent: "Équipe", unread: "nouveaux messages", human: "Vous parlez avec notre équipe.", waiting: "Quelqu’un va vous répondre.",
      slow: "Un instant, s’il vous plaît.", unavailable: "Le chat n’est pas disponible.", minutes: "min", more: "Voir" },
    es: { open: "Abrir el chat", close: "Cerrar el chat", write: "Escribe un mensaje", send: "Enviar", log: "Mensajes",
      typing: "está escribiendo…", offline: "Sin conexión. Reintentando…", failed: "No enviado.", again: "Reenviar", older: "Mensajes anteriores",
      sources: "Fuentes", you: "Tú", agent: "Equipo", unread: "mensajes nuevos", human: "Hablas con nuestro equipo.", waiting: "En breve te atenderá una persona.",
      slow: "Espera un momento.", unavailable: "El chat no está disponible.", minutes: "min", more: "Ver" },
  };
  const language = data.language || document.documentElement.lang || navigator.language || "en";
  const T = WORDS[language.slice(0, 2).toLowerCase()] || WORDS.en;
  // Times and prices as the reader writes them, if that is the same language.
  const locale = (navigator.languages || []).find((one) => one.slice(0, 2) === language.slice(0, 2)) || language;

  // ---- small helpers -------------------------------------------------------------------------
  const el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child != null && child !== ""));
    return node;
  };
  const svg = (path) => {
    const ns = "http://www.w3.org/2000/svg";
    const node = document.createElementNS(ns, "svg");
    node.setAttribute("viewBox", "0 0 24 24");
    node.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(ns, "path");
    line.setAttribute("d", path);
    node.append(line);
    return node;
  };
  const ICON = {
    chat: "M4 4h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z",
    close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4z",
    down: "M6 8.6 12 14.6 18 8.6 19.4 10 12 17.4 4.6 10z",
    send: "M3 20.5v-6.8l9-1.7-9-1.7V3.5L22 12z",
  };
  const uuid = () => (crypto.randomUUID ? crypto.randomUUID()
    : Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""));
  const isLink = (url) => typeof url === "string" && /^https?:\/\//i.test(url);
  const store = {
    get() { try { return JSON.parse(localStorage.getItem(storeKey)) || {}; } catch { return {}; } },
    set(value) { try { localStorage.setItem(storeKey, JSON.stringify(value)); } catch { /* a private window keeps nothing */ } },
  };

  // ---- Markdown, without ever making markup out of what was said -----------------------------
  const INLINE = /(\*\*|__)(?=\S)(.+?)\1|(\*|_)(?=\S)([^*_\n]+?)\3(?![\w*])|~~(.+?)~~|`([^`\n]+)`|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)|<(https?:\/\/[^\s>]+)>|(https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?])/;
  const link = (url, text) => el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
  const inline = (text) => {
    const out = [];
    let rest = text;
    for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
      if (found.index) out.push(rest.slice(0, found.index));
      if (found[2]) out.push(el("strong", null, ...inline(found[2])));
      else if (found[4]) out.push(el("em", null, ...inline(found[4])));
      else if (found[5]) out.push(el("s", null, ...inline(found[5])));
      else if (found[6]) out.push(el("code", null, found[6]));
      else if (found[8]) out.push(link(found[8], found[7]));
      else out.push(link(found[9] || found[10], found[9] || found[10]));
      rest = rest.slice(found.index + found[0].length);
    }
    if (rest) out.push(rest);
    return out;
  };
  const markdown = (text) => {
    const out = [];
    let list = null;
    let paragraph = null;
    let code = null;
    for (const line of String(text).split(/\r?\n/)) {
      if (/^```/.test(line)) {
        if (code) code = null;
        else { code = el("pre", null); out.push(code); }
        list = paragraph = null;
        continue;
      }
      if (code) { code.append(line + "\n"); continue; }
      const item = /^\s*(?:([-*•])|(\d+)[.)])\s+(.*)$/.exec(line);
      const heading = /^#{1,6}\s+(.*)$/.exec(line);
      if (item) {
        const tag = item[1] ? "UL" : "OL";
        if (!list || list.tagName !== tag) {
          list = el(tag, item[2] && item[2] !== "1" ? { start: item[2] } : null);
          out.push(list);
        }
        list.append(el("li", null, ...inline(item[3])));
        paragraph = null;
      } else if (heading) {
        out.push(el("p", null, el("strong", null, ...inline(heading[1]))));
        list = paragraph = null;
      } else if (!line.trim()) {
        list = paragraph = null;
      } else {
        if (paragraph) paragraph.append(el("br"));
        else { paragraph = el("p", null); out.push(paragraph); }
        paragraph.append(...inline(line));
        list = null;
      }
    }
    return out;
  };

  // ---- asking the server ---------------------------------------------------------------------
  const state = {
    config: null, session: null, verified: false, identity: null, messages: new Map(), pending: new Map(), last: 0, oldest: 0, more: false,
    typing: false, status: "bot", isOpen: false, unread: 0, online: true, tries: 0, line: null, generation: 0,
  };
  if (data.userJwt) state.identity = { jwt: data.userJwt };
  else if (data.userId && data.userHmac) state.identity = { user_id: data.userId, hmac: data.userHmac };

  const ask = async (path, options = {}) => {
    const headers = { ...(options.body ? { "content-type": "application/json" } : {}) };
    if (state.session && !options.open) headers.authorization = "Bearer " + state.session;
    const answer = await fetch(base + path, { credentials: "omit", ...options, headers: { ...headers, ...options.headers } });
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    const wait = Number(answer.headers.get("retry-after")) || problem.retry_after || 0;
    throw Object.assign(new Error(problem.code || String(answer.status)), { status: answer.status, code: problem.code, wait });
  };

  let beginning = null;
  const begin = (fresh) => {
    if (state.session && !fresh) return Promise.resolve();
    beginning ||= (async () => {
      const kept = store.get();
      // Who was signed in and is no more leaves nothing behind.
      const before = kept.verified && !state.identity ? undefined : kept.session;
      const send = (identity) => ask("/session", { method: "POST", open: true,
        body: JSON.stringify({ session: before, identity }) });
      const answer = await send(state.identity || undefined).catch((error) => {
        if (!state.identity || !/^token_/.test(error.code || "")) throw error;
        state.identity = null;
        return send(undefined);
      });
      const begun = await answer.json();
      if (kept.conversation !== begun.conversation) forgetMessages();
      state.session = begun.session;
      state.verified = begun.verified;
      store.set({ ...store.get(), session: begun.session, conversation: begun.conversation, verified: begun.verified });
    })().finally(() => { beginning = null; });
    return beginning;
  };

  /** Asks, and begins a new session once if the old one has ended. */
  const withSession = async (path, options) => {
    await begin();
    try {
      return await ask(path, options);
    } catch (error) {
      if (error.status !== 401) throw error;
      await begin(true);
      return ask(path, options);
    }
  };

  const forgetMessages = () => {
    state.messages.clear();
    state.pending.clear();
    state.last = state.oldest = 0;
    state.more = false;
    if (ui.disclosure) ui.disclosure.hidden = false;
    if (ui.log) ui.log.querySelectorAll(".row[data-seq],.row.waiting").forEach((node) => node.remove());
  };

  // ---- what comes in -------------------------------------------------------------------------
  const take = (message, older) => {
    if (state.messages.has(message.seq)) return;
    state.messages.set(message.seq, message);
    state.last = Math.max(state.last, message.seq);
    state.oldest = state.oldest ? Math.min(state.oldest, message.seq) : message.seq;
    const mine = message.from === "customer";
    const sent = mine && state.pending.get(message.id);
    if (sent) { sent.remove(); state.pending.delete(message.id); }
    show(message, older);
    if (!mine && !older && !state.quiet) {
      const seen = store.get().seen || 0;
      if (message.seq > seen && !state.isOpen) { state.unread += 1; badge(); }
    }
    if (state.isOpen) seen();
  };
  const seen = () => {
    const kept = store.get();
    if ((kept.seen || 0) < state.last) store.set({ ...kept, seen: state.last });
  };
  const feel = (mood) => {
    state.typing = Boolean(mood.typing);
    if (mood.status) state.status = mood.status;
    mooded();
  };
  const catchUp = async () => {
    const answer = await (await withSession("/messages" + (state.last ? "?after=" + state.last : ""))).json();
    const first = !state.last;
    if (first) state.more = answer.more;
    else if (answer.more) { forgetMessages(); return catchUp(); }
    answer.messages.forEach((message) => take(message));
    feel(answer);
    if (first) olderShown();
  };

  // ---- the line to the server: WebSocket, else events, else asking again -----------------------
  const LINES = ["socket", "events", "poll"];
  const BEST = "WebSocket" in window ? 0 : 1;
  let lineKind = BEST;
  const online = (is) => { state.online = is; if (is) state.tries = 0; mooded(); };
  const pause = () => new Promise((done) => {
    const wait = Math.min(30000, 500 * 2 ** state.tries) * (0.5 + Math.random() / 2);
    state.tries += 1;
    const wake = () => { clearTimeout(timer); removeEventListener("online", wake); done(); };
    const timer = setTimeout(wake, wait);
    addEventListener("online", wake);
  });

  const overSocket = (generation) => new Promise((done, fail) => {
    if (!("WebSocket" in window)) return fail(new Error("none"));
    const socket = new WebSocket(base.replace(/^http/, "ws") + "/socket");
    let heard = false;
    const giveUp = setTimeout(() => { if (!heard) socket.close(); }, 8000);
    state.line = () => socket.close();
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", session: state.session, after: state.last || null }));
    socket.onmessage = ({ data: text }) => {
      const news = JSON.parse(text);
      if (generation !== state.generation) return;
      if (news.type === "problem") {
        if (/^token_/.test(news.code)) state.session = null;
        return socket.close();
      }
      if (!heard) { heard = true; online(true); }
      if (news.type === "message") take(news);
      else if (news.type === "state") feel(news);
    };
    socket.onclose = () => { clearTimeout(giveUp); heard ? done() : fail(new Error("closed")); };
  });

  // fetch, as EventSource cannot send the session but in the address.
  const overEvents = async (generation) => {
    const stop = new AbortController();
    state.line = () => stop.abort();
    const answer = await withSession("/events" + (state.last ? "?after=" + state.last : ""),
      { signal: stop.signal, headers: { accept: "text/event-stream" } });
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    let text = "";
    online(true);
    for (;;) {
      const { value, done } = await reader.read();
      if (done || generation !== state.generation) return;
      text += decoder.decode(value, { stream: true });
      let end;
      while ((end = text.indexOf("\n\n")) >= 0) {
        const lines = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        const kind = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
        const body = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
        if (kind === "message") take(JSON.parse(body));
        else if (kind === "state") feel(JSON.parse(body));
      }
    }
  };

  const overPolls = async (generation) => {
    // After a while the better ways are tried again.
    for (let round = 0; round < 20 && generation === state.generation; round += 1) {
      await catchUp();
      online(true);
      await new Promise((done) => setTimeout(done, state.typing ? 1500 : document.hidden ? 15000 : 4000));
    }
  };

  const listen = async () => {
    const generation = ++state.generation;
    state.line?.();
    let failures = 0;
    while (generation === state.generation) {
      const kind = LINES[lineKind];
      try {
        await begin();
        await { socket: overSocket, events: overEvents, poll: overPolls }[kind](generation);
        failures = 0;
        if (kind === "poll") lineKind = BEST;
      } catch (error) {
        if (generation !== state.generation) return;
        if (error.status === 401) state.session = null;
        if (error.status === 403 || error.status === 404) return unavailable();
        failures += 1;
        if (failures >= 2) { failures = 0; lineKind = Math.min(lineKind + 1, LINES.length - 1); }
        if (navigator.onLine === false || kind === "poll") online(false);
      }
      if (generation === state.generation) await pause();
    }
  };
  const unavailable = () => { state.generation += 1; ui.note.textContent = T.unavailable; ui.note.hidden = false; };

  // ---- saying something ----------------------------------------------------------------------
  const say = async (content, shownAs, id = uuid()) => {
    const node = row({ from: "customer", at: new Date().toISOString(), content: [{ type: "text", text: shownAs }] });
    node.classList.add("pending", "waiting");
    state.pending.get(id)?.remove();
    state.pending.set(id, node);
    place(node);
    toEnd(true);
    for (let attempt = 0; ; attempt += 1) {
      try {
        await withSession("/messages", { method: "POST", body: JSON.stringify({ id, ...content }) });
        node.classList.remove("pending");
        if (!state.line || lineKind === 2) catchUp().catch(() => {});
        return;
      } catch (error) {
        const passing = !error.status || error.status === 429 || error.status >= 500;
        if (!passing || attempt >= 4) {
          node.classList.add("failed");
          node.querySelector(".row>.meta").replaceWith(el("div", { class: "meta" }, T.failed + " ", el("button", { type: "button", class: "plain",
            onclick: () => say(content, shownAs, id) }, T.again)));
          return;
        }
        if (error.status === 429) announce(T.slow);
        // The same id is absorbed if it has come after all. Without a network there is nothing to try.
        if (navigator.onLine === false) {
          await new Promise((done) => addEventListener("online", done, { once: true }));
          attempt = -1;
        } else await new Promise((done) => setTimeout(done, Math.max((error.wait || 0) * 1000, 800 * 2 ** attempt)));
      }
    }
  };
  const choose = (button, choice) => {
    button.closest(".choices,.rows,.card")?.querySelectorAll("button").forEach((other) => {
      other.disabled = true;
      other.setAttribute("aria-pressed", String(other === button));
    });
    say({ choice }, choice.title);
    ui.input.focus();
  };

  // ---- how things look -----------------------------------------------------------------------
  const ui = {};
  const price = (amount) => {
    if (!amount) return null;
    const value = amount.micros / 1e6;
    try { return new Intl.NumberFormat(locale, { style: "currency", currency: amount.currency }).format(value); }
    catch { return value + " " + amount.currency; }
  };
  const buttons = (list) => (list || []).map((one) => (isLink(one.url)
    ? el("a", { class: "choice", href: one.url, target: "_blank", rel: "noopener noreferrer" }, one.title)
    : el("button", { type: "button", class: "choice", onclick: (event) => choose(event.currentTarget, { id: one.id, title: one.title }) }, one.title)));
  const media = (one) => {
    const url = isLink(one.id_or_url) ? one.id_or_url : null;
    const caption = one.caption ? el("div", null, ...markdown(one.caption)) : null;
    if (!url) return el("div", null, one.name || one.kind, caption);
    const seenAs = {
      image: () => el("img", { src: url, alt: one.alt ?? one.name ?? "", loading: "lazy" }),
      sticker: () => el("img", { src: url, alt: one.caption || "", loading: "lazy" }),
      video: () => el("video", { src: url, controls: true, preload: "metadata" }),
      audio: () => el("audio", { src: url, controls: true, preload: "none" }),
    }[one.kind];
    const seen = seenAs ? seenAs() : link(url, one.name || url);
    // A picture that does not come leaves its words, and no hole.
    if (seen.tagName === "IMG") seen.addEventListener("error", () => seen.replaceWith(seen.alt));
    return el("div", { class: "media" }, seen, caption);
  };
  const card = (one, facts, slots) => el("div", { class: "card" },
    one.image ? media({ ...one.image, caption: null, alt: "" }) : null,
    el("div", { class: "cardbody" },
      el("strong", null, one.title),
      facts.length ? el("div", { class: "facts" }, ...facts.map((fact, place) => el("span", place ? null : { class: "price" }, fact))) : null,
      slots && slots.length ? el("div", { class: "facts slots" }, ...slots.map((slot) => el("span", null, slot))) : null,
      one.description ? el("div", { class: "about" }, ...markdown(one.description)) : null,
      el("div", { class: "choices" }, ...buttons(one.buttons),
        isLink(one.url) ? el("a", { class: "choice", href: one.url, target: "_blank", rel: "noopener noreferrer" }, T.more) : null)));
  const RENDER = {
    text: (one) => markdown(one.text),
    media: (one) => [media(one)],
    location: (one) => [link("https://www.openstreetmap.org/?mlat=" + one.latitude + "&mlon=" + one.longitude, one.name || one.address || one.latitude + ", " + one.longitude)],
    choice: (one) => [el("p", null, one.title)],
    reaction: (one) => [el("p", null, one.emoji || "")],
    contact: (one) => [el("p", null, [one.name, ...one.phones, ...one.emails].join(" · "))],
    buttons: (one) => [one.header ? el("strong", null, one.header) : null, one.media ? media(one.media) : null, ...markdown(one.body),
      one.footer ? el("div", { class: "meta" }, one.footer) : null, el("div", { class: "choices" }, ...buttons(one.buttons))],
    list: (one) => {
      // Numbered, as the number may be typed instead.
      let number = 0;
      const sections = one.sections.map((section) => [section.title ? el("div", { class: "section" }, section.title) : null,
        ...section.rows.map((entry) => el("button", { type: "button", class: "entry", onclick: (event) => choose(event.currentTarget, { id: entry.id, title: entry.title }) },
          el("span", { class: "number", "aria-hidden": "true" }, String(++number)),
          el("span", null, entry.title, entry.description ? el("small", null, entry.description) : null)))]);
      return [one.header ? el("strong", null, one.header) : null, ...markdown(one.body),
        el("div", { class: "rows", role: "group", "aria-label": one.button || one.body }, ...sections.flat().filter(Boolean)),
        one.footer ? el("div", { class: "meta" }, one.footer) : null];
    },
    product_card: (one) => [card(one, [price(one.price), one.availability].filter(Boolean))],
    service_card: (one) => [card(one, [price(one.price), one.duration_min ? one.duration_min + " " + T.minutes : null].filter(Boolean), one.slots)],
    template: (one) => markdown((one.text || "").replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => {
      const found = (one.params || []).find((param, place) => param.name === name || String(place + 1) === name);
      return found ? found.value : whole;
    })),
  };
  const time = (at) => new Date(at).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  const row = (message) => {
    const mine = message.from === "customer";
    const bubbles = message.content.map((one) => {
      const make = RENDER[one.type];
      const parts = (make ? make(one) : one.words ? markdown(one.words) : []).filter(Boolean);
      return parts.length ? el("div", { class: "bubble is-" + one.type }, ...parts) : null;
    }).filter(Boolean);
    const sources = (message.sources || []).length ? el("details", { class: "sources" }, el("summary", null, T.sources + " (" + message.sources.length + ")"),
      el("ol", null, ...message.sources.map((source) => el("li", null, isLink(source.url) ? link(source.url, source.title || source.url) : source.title)))) : null;
    const who = mine ? T.you : message.from === "human" ? T.agent : state.config.title;
    return el("div", { class: "row " + (mine ? "mine" : message.from), "data-seq": message.seq },
      el("span", { class: "hidden" }, who + ": "), ...bubbles, sources,
      el("div", { class: "meta" }, message.from === "human" ? T.agent + " · " : "", el("time", { datetime: message.at }, time(message.at))));
  };
  const show = (message, older) => {
    const node = row(message);
    // It says so itself.
    if (ui.disclosure && !message.from.startsWith("c") && node.textContent.includes(state.config.disclosure)) ui.disclosure.hidden = true;
    const near = atEnd();
    if (older) {
      const next = [...ui.log.querySelectorAll(".row[data-seq]")].find((other) => Number(other.dataset.seq) > message.seq);
      ui.log.insertBefore(node, next || ui.typing);
    } else {
      // What was offered before the last word of the customer can still be read, not pressed.
      if (message.from === "customer") ui.log.querySelectorAll(".row .choices button,.row .entry").forEach((button) => { button.disabled = true; });
      place(node);
      if (near || message.from === "customer") toEnd();
    }
  };
  const place = (node) => {
    const pending = node.classList.contains("pending") ? null : ui.log.querySelector(".row.pending");
    ui.log.insertBefore(node, pending || ui.typing);
  };
  const atEnd = () => ui.log.scrollHeight - ui.log.scrollTop - ui.log.clientHeight < 80;
  const toEnd = (smooth) => {
    const calm = !smooth || matchMedia("(prefers-reduced-motion: reduce)").matches;
    requestAnimationFrame(() => ui.log.scrollTo({ top: ui.log.scrollHeight, behavior: calm ? "auto" : "smooth" }));
  };
  const announce = (text) => { ui.live.textContent = ""; setTimeout(() => { ui.live.textContent = text; }, 50); };
  const badge = () => {
    ui.badge.hidden = !state.unread;
    ui.badge.textContent = state.unread > 9 ? "9+" : String(state.unread);
    ui.bubble.setAttribute("aria-label", state.unread ? T.open + ", " + state.unread + " " + T.unread : T.open);
  };
  const mooded = () => {
    if (!ui.typing) return;
    const near = atEnd();
    ui.typing.hidden = !state.typing;
    if (state.typing && near) toEnd();
    const note = !state.online ? T.offline : state.status === "human" ? T.human : state.status === "waiting_human" ? T.waiting : "";
    if (ui.note.textContent !== note) { ui.note.textContent = note; ui.note.hidden = !note; }
  };
  const olderShown = () => { ui.older.hidden = !state.more; };
  const loadOlder = async () => {
    ui.older.disabled = true;
    const height = ui.log.scrollHeight;
    try {
      const answer = await (await withSession("/messages?before=" + state.oldest)).json();
      state.more = answer.more;
      answer.messages.forEach((message) => take(message, true));
      ui.log.scrollTop += ui.log.scrollHeight - height;
    } catch { /* the button stays */ }
    ui.older.disabled = false;
    olderShown();
  };

  const STYLE = `
:host{all:initial;--c:#1f4fd8;--t:#fff;--ink:#1b1f24;--soft:#f1f3f6;--line:#d5dae1;--dim:#5b6470;--paper:#fff}
*{box-sizing:border-box;font:inherit;margin:0}
[hidden]{display:none!important}
.root{position:fixed;z-index:2147483000;bottom:20px;right:20px;font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);text-align:start}
.root.left{right:auto;left:20px}
button{cursor:pointer;border:0;background:none;color:inherit;padding:0}
button:disabled{cursor:default}
:focus-visible{outline:3px solid var(--f);outline-offset:2px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
svg{width:26px;height:26px;fill:currentColor;display:block}
.bubble-button{width:60px;height:60px;border-radius:50%;background:var(--c);color:var(--t);display:grid;place-items:center;box-shadow:0 6px 20px rgba(15,23,42,.28);margin-left:auto;position:relative;transition:transform .15s}
.left .bubble-button{margin-left:0}
.bubble-button svg{grid-area:1/1;transition:transform .15s,opacity .15s}
.root:not(.open) .bubble-button svg+svg,.open .bubble-button svg:first-child{opacity:0;transform:rotate(-45deg) scale(.6)}
.bubble-button:hover{transform:scale(1.05)}
.badge{position:absolute;top:-2px;right:-2px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;background:#c81e1e;color:#fff;font-size:12px;line-height:22px;font-weight:600;text-align:center}
.panel{position:absolute;bottom:76px;right:0;width:384px;height:min(640px,calc(100vh - 116px));background:var(--paper);border-radius:16px;box-shadow:0 16px 48px rgba(15,23,42,.28);display:flex;flex-direction:column;overflow:hidden;animation:in .18s ease-out}
.left .panel{right:auto;left:0}
@keyframes in{from{opacity:0;transform:translateY(12px)}}
.head{display:flex;align-items:center;gap:12px;padding:14px 12px 14px 18px;background:var(--c);color:var(--t)}
.head img{width:36px;height:36px;border-radius:50%;object-fit:cover;background:#fff}
.head h1,.head h2{font-size:16px;font-weight:650;flex:1;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.head button{width:40px;height:40px;border-radius:50%;display:grid;place-items:center}
.head button:focus-visible,.send:focus-visible{outline-color:var(--t);outline-offset:-4px}
.head svg{width:22px;height:22px}
.note{padding:8px 18px;background:#fff6dd;color:#5c4400;font-size:13px;border-bottom:1px solid #f0dfae}
.log{flex:1;overflow-y:auto;padding:16px;display:flex;flex-direction:column;gap:10px;overscroll-behavior:contain;background:var(--paper)}
.log:focus-visible{outline-offset:-3px}
.row{display:flex;flex-direction:column;gap:4px;align-items:flex-start;max-width:88%}
.row.mine{align-self:flex-end;align-items:flex-end}
.bubble{padding:10px 14px;border-radius:16px;border-bottom-left-radius:5px;background:var(--soft);overflow-wrap:anywhere;max-width:100%}
.mine .bubble{background:var(--c);color:var(--t);border-radius:16px;border-bottom-right-radius:5px}
.human .bubble{background:#e6f4ec}
.row .bubble.is-product_card,.row .bubble.is-service_card{padding:0;background:none;width:100%}
.bubble>*+*{margin-top:8px}
.bubble p+p{margin-top:8px}
.bubble ul,.bubble ol{padding-inline-start:22px}
.bubble a{color:inherit;text-decoration:underline;text-underline-offset:2px}
.bubble code,.bubble pre{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px;background:rgba(15,23,42,.08);border-radius:4px;padding:1px 4px}
.bubble pre{padding:8px;overflow-x:auto;white-space:pre}
strong{font-weight:650}em{font-style:italic}
.meta{font-size:12px;color:var(--dim);padding:0 4px}.bubble .meta{padding:0}
.pending .bubble{opacity:.65}
.failed .bubble{opacity:1;outline:2px solid #c81e1e}
.plain{text-decoration:underline;color:#a31515;padding:4px}
.media img,.media video{max-width:100%;border-radius:10px;display:block}
.choices{display:flex;flex-wrap:wrap;gap:8px}
.choices:empty{display:none}
.choice{display:inline-flex;align-items:center;min-height:40px;padding:8px 14px;border-radius:20px;border:1.5px solid var(--l);color:var(--l)!important;background:var(--paper);font-weight:550;text-decoration:none!important;text-align:start}
.choice:hover:not(:disabled){background:var(--soft)}
.choice:disabled{border-color:var(--line);color:var(--dim)!important}
.choice[aria-pressed=true],.entry[aria-pressed=true]{background:var(--c);color:var(--t)!important;border-color:var(--c)}
.rows{border:1px solid var(--line);border-radius:12px;overflow:hidden;background:var(--paper)}
.section{padding:8px 12px 4px;font-size:12px;font-weight:650;color:var(--dim)}
.entry{display:flex;gap:10px;width:100%;padding:10px 12px;text-align:start;min-height:44px}
.entry+.entry{border-top:1px solid var(--line)}
.entry:hover:not(:disabled){background:var(--soft)}
.entry:focus-visible{outline-offset:-3px}
.entry:disabled{color:var(--dim)}
.number{color:var(--l);font-weight:650;min-width:1.2em}
.entry:disabled .number,[aria-pressed=true] .number{color:inherit}
small{display:block;font-size:13px;color:var(--dim)}
[aria-pressed=true] small{color:inherit}
.card{border:1px solid var(--line);border-radius:14px;overflow:hidden;background:var(--paper)}
.card .media img{border-radius:0;width:100%;max-height:180px;object-fit:cover}
.cardbody{padding:12px 14px;display:flex;flex-direction:column;gap:6px}
.facts{display:flex;flex-wrap:wrap;gap:4px 12px;color:var(--dim);font-size:14px}
.price{color:var(--ink);font-weight:650}
.slots span{border:1px solid var(--line);border-radius:8px;padding:2px 8px}
.sources{font-size:13px;color:var(--dim);padding:0 4px}
.sources summary{cursor:pointer;padding:2px 0}
.sources ol{padding-inline-start:20px}
.sources a{color:inherit}
.dots{display:inline-flex;gap:5px;padding:14px 16px}
.dots i{width:7px;height:7px;border-radius:50%;background:var(--dim);animation:dot 1.2s infinite}
.dots i:nth-child(2){animation-delay:.15s}.dots i:nth-child(3){animation-delay:.3s}
@keyframes dot{0%,60%,100%{opacity:.3}30%{opacity:1;transform:translateY(-3px)}}
.older{align-self:center;font-size:13px;color:var(--l);padding:8px 12px;text-decoration:underline}
.disclosure{font-size:12px;color:var(--dim);text-align:center;padding:0 12px}
form{display:flex;align-items:flex-end;gap:8px;padding:10px 12px;border-top:1px solid var(--line);background:var(--paper)}
textarea{flex:1;resize:none;border:1.5px solid #8a94a1;border-radius:20px;padding:9px 14px;max-height:120px;min-height:42px;background:var(--paper);color:var(--ink);font-size:16px;line-height:1.35}
textarea:focus{outline:3px solid var(--f);outline-offset:0;border-color:transparent}
textarea::placeholder{color:var(--dim);opacity:1}
.send{width:42px;height:42px;border-radius:50%;background:var(--c);color:var(--t);display:grid;place-items:center;flex:none}
.send:disabled{background:var(--line);color:#5b6470}
.send svg{width:20px;height:20px}
.root.full{inset:0;display:flex;justify-content:center}
.full .panel{position:static;width:min(760px,100%);height:100%;border-radius:0;animation:none}
@media (max-width:480px){.root.open{inset:0;right:0;left:0;bottom:0}.root.open .bubble-button{display:none}.panel,.left .panel{inset:0;width:100%;height:100%;border-radius:0}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media (prefers-color-scheme:dark){:host{--ink:#e8eaed;--soft:#2a2f37;--line:#414852;--dim:#a9b2bd;--paper:#1a1d22}.human .bubble{background:#1f3a2c}.note{background:#3a3117;color:#ffe7a3;border-color:#574a20}.plain{color:#ff9a9a}.bubble code,.bubble pre{background:rgba(255,255,255,.12)}.send:disabled{color:#a9b2bd}}
@media (forced-colors:active){.bubble,.choice,.bubble-button,.send{border:1px solid}}`;

  /** Relative luminance, for a text colour that can be read. */
  const light = (hex) => {
    const part = (at) => { const value = parseInt(hex.slice(at, at + 2), 16) / 255; return value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4; };
    return .2126 * part(1) + .7152 * part(3) + .0722 * part(5);
  };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + .05) / (y + .05); };
  const isColor = (text) => /^#[0-9a-f]{6}$/i.test(text || "");
  const theme = (host) => {
    const color = isColor(state.config.color) ? state.config.color : "#1f4fd8";
    let text = isColor(state.config.text_color) ? state.config.text_color : "#ffffff";
    // Whatever was configured: it must be readable (WCAG 1.4.3).
    if (contrast(color, text) < 4.5) text = contrast(color, "#ffffff") >= contrast(color, "#111111") ? "#ffffff" : "#111111";
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      const paper = dark.matches ? "#1a1d22" : "#ffffff";
      const accent = contrast(color, paper) >= 4.5 ? color : dark.matches ? "#8ab4ff" : "#1b3f9c";
      for (const [name, value] of [["--c", color], ["--t", text], ["--l", accent], ["--f", accent]]) host.style.setProperty(name, value);
    };
    apply();
    dark.addEventListener("change", apply);
  };

  const build = () => {
    const host = el("div", { id: "impresario-chat" });
    const shadow = host.attachShadow({ mode: "open" });
    // Not a style element: the page's content security policy may forbid those.
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      shadow.adoptedStyleSheets = [sheet];
    } catch { shadow.append(el("style", null, STYLE)); }
    theme(host);
    const { config } = state;
    ui.badge = el("span", { class: "badge", hidden: true, "aria-hidden": "true" });
    ui.bubble = el("button", { type: "button", class: "bubble-button", "aria-label": T.open, "aria-expanded": "false", "aria-haspopup": "dialog", onclick: () => toggle() }, svg(ICON.chat), svg(ICON.down), ui.badge);
    ui.typing = el("div", { class: "row assistant", hidden: true }, el("div", { class: "bubble dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
      el("span", { class: "hidden" }, config.title + " " + T.typing));
    ui.older = el("button", { type: "button", class: "older", hidden: true, onclick: loadOlder }, T.older);
    ui.greeting = config.greeting ? el("div", { class: "row assistant" }, el("div", { class: "bubble" }, ...markdown(config.greeting))) : null;
    ui.disclosure = config.disclosure ? el("div", { class: "disclosure" }, config.disclosure) : null;
    ui.log = el("div", { class: "log", role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": T.log, tabindex: "0" }, ui.older,
      ui.disclosure, ui.greeting, ui.typing);
    ui.note = el("div", { class: "note", role: "status", hidden: true });
    ui.live = el("div", { class: "hidden", role: "status", "aria-live": "polite" });
    ui.input = el("textarea", { rows: "1", maxlength: "4000", placeholder: T.write, "aria-label": T.write, enterkeyhint: "send", oninput: grow, onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
    } });
    ui.send = el("button", { type: "submit", class: "send", "aria-label": T.send, disabled: true }, svg(ICON.send));
    ui.close = el("button", { type: "button", "aria-label": T.close, onclick: () => toggle(false) }, svg(ICON.close));
    ui.panel = el("div", { class: "panel", role: full ? "main" : "dialog", "aria-modal": full ? null : "false", "aria-labelledby": "title", hidden: true, onkeydown: full ? null : keys },
      el("div", { class: "head" }, isLink(config.logo_url) ? el("img", { src: config.logo_url, alt: "" }) : null, el(full ? "h1" : "h2", { id: "title" }, config.title), full ? null : ui.close),
      ui.note, ui.log, ui.live, el("form", { onsubmit: (event) => { event.preventDefault(); submit(); } }, ui.input, ui.send));
    ui.root = el("div", { class: "root " + (full ? "full" : config.position === "left" ? "left" : "right"), lang: language }, ui.panel, full ? null : ui.bubble);
    shadow.append(ui.root);
    ui.shadow = shadow;
    document.body.append(host);
  };
  const grow = () => {
    ui.input.style.height = "auto";
    ui.input.style.height = Math.min(ui.input.scrollHeight + 3, 120) + "px";
    ui.send.disabled = !ui.input.value.trim();
  };
  const submit = () => {
    const text = ui.input.value.trim();
    if (!text) return;
    ui.input.value = "";
    grow();
    say({ text }, text);
  };
  const keys = (event) => {
    if (event.key === "Escape") { event.stopPropagation(); toggle(false); }
    if (event.key !== "Tab") return;
    // The focus stays in the open dialog.
    const stops = [...ui.panel.querySelectorAll("button,a[href],textarea,summary,[tabindex='0']")].filter((node) => !node.disabled && node.getClientRects().length);
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const now = ui.shadow.activeElement;
    if (event.shiftKey ? now === first : now === last) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    }
  };
  const toggle = (wanted = !state.isOpen) => {
    if (!ui.root || wanted === state.isOpen || (full && !wanted)) return;
    state.isOpen = wanted;
    ui.panel.hidden = !wanted;
    ui.root.classList.toggle("open", wanted);
    ui.bubble.setAttribute("aria-expanded", String(wanted));
    if (wanted) {
      state.unread = 0;
      badge();
      if (state.generation === 0) start();
      else seen();
      toEnd();
      ui.input.focus();
    } else ui.bubble.focus();
  };

  // ---- beginning -----------------------------------------------------------------------------
  const start = async () => {
    state.generation += 1;
    try { await catchUp(); } catch (error) { if (error.status === 403 || error.status === 404) return unavailable(); }
    listen();
  };
  const restart = async () => {
    state.session = null;
    forgetMessages();
    if (state.generation) await start();
  };
  const boot = async () => {
    try { state.config = await (await ask("/config", { open: true, headers: { "accept-language": language } })).json(); }
    catch (error) { console.warn("The chat is not available:", error.message); return; }
    build();
    // Who has talked before hears what came meanwhile; for all others nothing is asked before they open it.
    if (store.get().session) start();
    if (full || data.open === "true") toggle(true);
  };
  window.ImpresarioChat = {
    open: () => toggle(true),
    close: () => toggle(false),
    toggle: () => toggle(),
    identify: (identity) => { state.identity = identity; return restart(); },
    logout: () => { state.identity = null; store.set({}); return restart(); },
  };
  if (document.body) boot();
  else addEventListener("DOMContentLoaded", boot);
})();
