// Search without a server: the language and the hits are those of the reader. The scripts in search/ have the texts;
// each calls one of these functions. Hits are written as text, never as markup.
"use strict";

const MOST = 1000;
const HITS = 50;
const UNDATED = -Number.MAX_VALUE;
const FIELDS = 7;
const [CHAT, PAGE, SENDER, NAME, KIND, BITS, OFFSET] = Array(FIELDS).keys();
const CLOCK = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });

const TITLE = document.title;

let index = null;
let shown = null;
const shards = [];

function skypeIndex(data) {
  index = data;
  if (!data.shards) begin();
  for (let i = 0; i < data.shards; i += 1) load(String(i).padStart(3, "0"));
}

// Numbers are the bytes of an array, as base64: as a list that is read as JavaScript they took most of the time.
function skypeShard(number, data) {
  const folded = fold(data.texts);
  const slugs = data.slugs.split(" ");
  const starts = new Int32Array(slugs.length + 1);
  for (let row = 1; row < slugs.length; row += 1) starts[row] = folded.indexOf("\0", starts[row - 1]) + 1;
  starts[slugs.length] = folded.length + 1;
  const numbers = new Int32Array(bytesOf(data.numbers));
  const times = new Float64Array(bytesOf(data.times));
  shards[number] = { folded, starts, texts: data.texts, slugs, numbers, times };
  if (shards.filter(Boolean).length === index.shards) begin();
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

// Whether a row is of the same message as the one before it.
function isSame({ slugs, numbers }, row) {
  return row > 0 && slugs[row] === slugs[row - 1] && numbers[row * FIELDS + CHAT] === numbers[(row - 1) * FIELDS + CHAT];
}

function load(name) {
  const script = document.createElement("script");
  script.src = `search/${name}.js`;
  document.head.append(script);
}

function fold(text) {
  return text.toLowerCase().replaceAll("ς", "σ");
}

function forms(term) {
  return [...new Set([term, term.normalize("NFC"), term.normalize("NFD")].map(fold))];
}

function say(name, values = {}) {
  return index.texts[name].replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);
}

// The query, as reading/query.py understands it; a test looks at a row of a shard.

class Problem extends Error {
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}

const OPERATORS = ["from", "in", "before", "after", "date", "has", "is", "kind"];

function parse(source) {
  const query = { terms: [], tests: [] };
  const part = /\s*(-)?(?:([A-Za-z_]+):(?!\/\/))?(?:"([^"]*)("?)|(\S*))/y;
  while (part.lastIndex < source.length) {
    const from = part.lastIndex;
    const [whole, not, typed, phrase, end, word] = part.exec(source);
    if (!whole) {
      part.lastIndex = from + 1;
      continue;
    }
    const operator = typed?.toLowerCase();
    const value = word || phrase || "";
    if (phrase !== undefined && !end) throw new Problem(say("no_end"), from);
    if (!operator) {
      if (value) query.terms.push({ text: value, not: Boolean(not) });
      else if (not && phrase === undefined) query.terms.push({ text: "-", not: false });
      continue;
    }
    const known = OPERATORS.map((name) => `${name}:`).join(", ");
    if (!OPERATORS.includes(operator)) throw new Problem(say("unknown_operator", { operator: typed, known }), from);
    if (!value.trim()) throw new Problem(say("no_value", { operator }), from);
    const test = condition(operator, value, from);
    query.tests.push(not ? (shard, row) => !test(shard, row) : test);
  }
  query.terms.sort((one, other) => one.not - other.not || other.text.length - one.text.length);
  return query;
}

function condition(operator, value, at) {
  if (["before", "after", "date"].includes(operator)) return period(operator, value, at);
  if (operator === "from") {
    const meant = new Set();
    index.senders.forEach(([id, names], i) => contains([id, ...names], value) && meant.add(i));
    return ({ numbers }, row) => meant.has(numbers[row * FIELDS + SENDER]);
  }
  if (operator === "in") {
    const meant = new Set();
    index.chats.forEach((chat, i) => contains([chat.title, chat.id], value) && meant.add(i));
    return ({ numbers }, row) => meant.has(numbers[row * FIELDS + CHAT]);
  }
  const asked = value.toLowerCase();
  if (operator === "kind") return ({ numbers }, row) => index.kinds[numbers[row * FIELDS + KIND]] === asked;
  const known = index[operator];
  if (!known.includes(asked)) throw new Problem(say("knows_no", { operator, value, known: known.join(", ") }), at);
  const bit = 1 << [...index.has, ...index.is].indexOf(asked, operator === "is" ? index.has.length : 0);
  return ({ numbers }, row) => (numbers[row * FIELDS + BITS] & bit) !== 0;
}

function contains(texts, value) {
  return forms(value).some((form) => texts.some((text) => fold(text).includes(form)));
}

// Days are those of the zone of the pages, in which every row knows its own day.
function period(operator, value, at) {
  const [first, last] = value.includes("..") && operator === "date" ? value.split("..") : [value, value];
  const begin = first ? span(first, at)[0] : -Infinity;
  const end = last ? span(last, at)[1] : Infinity;
  const day = (shard, row) => shard.times[row] + shard.numbers[row * FIELDS + OFFSET] * 1000; // of what has no time, NaN
  if (operator === "before") return (shard, row) => day(shard, row) < begin;
  if (operator === "after") return (shard, row) => day(shard, row) >= end;
  return (shard, row) => day(shard, row) >= begin && day(shard, row) < end;
}

function span(date, at) {
  const found = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$/.exec(date);
  const [year, month, day] = (found ?? []).slice(1).map((part) => (part === undefined ? null : Number(part)));
  const begin = found ? utc(year, (month ?? 1) - 1, day ?? 1) : null;
  const isReal = begin && begin.getUTCMonth() === (month ?? 1) - 1 && begin.getUTCDate() === (day ?? 1) && year > 0;
  if (!isReal) throw new Problem(say("no_date", { value: date }), at);
  const end = day ? utc(year, month - 1, day + 1) : month ? utc(year, month, 1) : utc(year + 1, 0, 1);
  return [begin.getTime(), end.getTime()];
}

function utc(year, month, day) {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date;
}

// Finding

// The places of a term in a text, from the front to the back.
class Places {
  constructor(text, term) {
    this.text = text;
    this.forms = forms(term);
    this.next = new Int32Array(this.forms.length).fill(-1);
  }

  // The first one that is not before a place, else one behind the end; what is asked for never lies before what was.
  from(place) {
    let first = this.text.length + 1;
    for (let i = 0; i < this.forms.length; i += 1) {
      let at = this.next[i];
      if (at < place) {
        at = this.text.indexOf(this.forms[i], place);
        if (at < 0) at = this.text.length + 1;
        this.next[i] = at;
      }
      if (at < first) first = at;
    }
    return first;
  }
}

function rowOf(shard, row) {
  return shard.numbers.subarray(row * FIELDS, (row + 1) * FIELDS);
}

// Which rows of a shard, not older than a time, are asked for.
function alive(shard, query, isMeant, oldest) {
  const rows = new Uint8Array(shard.slugs.length).fill(1);
  const each = (test) => {
    for (let row = 0; row < rows.length; row += 1) if (rows[row] && !test(row)) rows[row] = 0;
  };
  if (oldest > UNDATED) each((row) => shard.times[row] >= oldest);
  for (const test of query.tests) each((row) => test(shard, row));
  if (isMeant) each((row) => isMeant[shard.numbers[row * FIELDS + CHAT]]);
  return query.terms.length ? withTerms(shard, query.terms, rows) : rows;
}

// Which of some rows have the terms. What one term passes over, the others are not sought in: of two frequent words, too,
// everything is read about once.
function withTerms({ folded, starts }, terms, rows) {
  const wanted = terms.filter((term) => !term.not).map((term) => new Places(folded, term.text));
  const unwanted = terms.filter((term) => term.not).map((term) => new Places(folded, term.text));
  const found = new Uint8Array(rows.length);
  let row = 0;
  while (row < rows.length) {
    const begin = starts[row];
    const end = starts[row + 1];
    let at = rows[row] ? -1 : end;
    for (let i = 0; at < end && i < wanted.length; i += 1) at = wanted[i].from(begin);
    if (at < end) {
      let isMeant = 1;
      for (let i = 0; isMeant && i < unwanted.length; i += 1) if (unwanted[i].from(begin) < end) isMeant = 0;
      found[row] = isMeant;
    }
    row += 1;
    while (at >= starts[row + 1]) row += 1;
  }
  return found;
}

function newestFirst(one, other) {
  return other.at - one.at || (one.slug < other.slug ? 1 : -1);
}

// In everything, in a conversation, or in an account: their keys, as addresses have them. The newest are hits; when there
// are more than enough of them, what is older than all of these is not looked at any more, nor counted.
function find(query, within = {}) {
  const isPart = within.c !== undefined || within.a !== undefined;
  const isIn = (chat) => (within.c ?? chat.key) === chat.key && (within.a ?? chat.account) === chat.account;
  const isMeant = isPart ? index.chats.map(isIn) : null;
  let hits = [];
  let total = 0;
  let oldest = UNDATED;
  shards.forEach((shard, number) => {
    const rows = alive(shard, query, isMeant, oldest);
    let counted = -1;
    for (let row = rows.indexOf(1); row >= 0; row = rows.indexOf(1, row + 1)) {
      let first = row;
      while (isSame(shard, first)) first -= 1;
      if (first === counted) continue;
      counted = first;
      total += 1;
      const at = Number.isNaN(shard.times[row]) ? UNDATED : shard.times[row];
      if (at < oldest) continue;
      hits.push({ number, row, at, slug: shard.slugs[row] });
      if (hits.length >= 2 * MOST) {
        hits = hits.sort(newestFirst).slice(0, MOST);
        oldest = hits[MOST - 1].at;
      }
    }
  });
  return { total, hits: hits.sort(newestFirst).slice(0, MOST) };
}

// Showing

function element(name, css, ...children) {
  const made = document.createElement(name);
  if (css) made.className = css;
  made.append(...children);
  return made;
}

function isolated(text) {
  return element("bdi", "", text);
}

function linked(href, ...children) {
  const made = element("a", "", ...children);
  made.href = href;
  return made;
}

function marked(text, terms) {
  const signs = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (!signs.length) return [text];
  return text.split(new RegExp(`(${signs.join("|")})`, "iu")).map((part, i) => (i % 2 ? element("mark", "", part) : part));
}

function excerpt(text, terms, length) {
  if (text.length <= length) return text;
  const found = terms.map((term) => fold(text).indexOf(fold(term))).filter((at) => at >= 0);
  const begin = found.length ? Math.max(0, Math.min(...found) - Math.floor(length / 3)) : 0;
  return `${begin ? "…" : ""}${text.slice(begin, begin + length)}${begin + length < text.length ? "…" : ""}`;
}

// What a row says, unfolded: it stands where its folded text does, unless folding has made a text longer.
function original(shard, row) {
  const { folded, starts, texts } = shard;
  if (folded.length === texts.length) return texts.slice(starts[row], starts[row + 1] - 1);
  shard.originals ??= texts.split("\0");
  return shard.originals[row];
}

function textsOf(shard, row) {
  const [said, ...beside] = original(shard, row).split(/(?=[\x01\x02])/);
  const isBeside = (part) => part.startsWith("\x01") || part.startsWith("\x02");
  const all = isBeside(said) ? [said, ...beside] : beside;
  return {
    said: isBeside(said) ? "" : said,
    files: all.filter((part) => part.startsWith("\x01")).map((part) => part.slice(1)),
    links: all.filter((part) => part.startsWith("\x02")).map((part) => part.slice(1).split("\n").filter(Boolean).join(" · ")),
  };
}

function clock(time, offset) {
  if (Number.isNaN(time)) return index.texts.no_time;
  return CLOCK.format(new Date(time + offset * 1000));
}

function line(shard, row, terms, length) {
  const values = rowOf(shard, row);
  const kind = index.kinds[values[KIND]];
  const said = textsOf(shard, row).said || `[${index.texts[kind] ?? kind}]`;
  return [element("span", "by", isolated(index.names[values[NAME]])), " ", ...marked(excerpt(said, terms, length), terms)];
}

function context(shard, row, chat, slug) {
  if (row < 0 || row >= shard.slugs.length || rowOf(shard, row)[CHAT] !== chat || shard.slugs[row] === slug) return [];
  const shown = element("p", "context", ...line(shard, row, [], 110));
  shown.dir = "auto";
  return [shown];
}

function shownHit(hit, terms) {
  const shard = shards[hit.number];
  const values = rowOf(shard, hit.row);
  const chat = index.chats[values[CHAT]];
  const page = `c/${chat.key}/${chat.pages[values[PAGE]]}`;
  const address = `${page}#m-${hit.slug}`;
  const found = element("p", "hit", linked(address, ...line(shard, hit.row, terms, 280)));
  found.dir = "auto";
  const { said, files, links } = textsOf(shard, hit.row);
  for (const name of files) found.append(" ", element("span", "filename", element("bdi", "", ...marked(name, terms))));
  const missing = terms.filter((term) => !fold(said).includes(fold(term)));
  const beside = links
    .filter((link) => missing.some((term) => fold(link).includes(fold(term))))
    .map((link) => element("p", "context", ...marked(excerpt(link, terms, 160), terms)));
  const last = chat.pages.at(-1);
  const where = element("p", "where", linked(`c/${chat.key}/${last}`, isolated(chat.title)), " · ", linked(address, clock(shard.times[hit.row], values[OFFSET])));
  const around = [context(shard, hit.row - 1, values[CHAT], hit.slug), context(shard, hit.row + 1, values[CHAT], hit.slug)];
  return element("li", "", where, ...around[0], found, ...beside, ...around[1]);
}

function begin() {
  shown = location.search;
  const place = document.querySelector("main .narrow");
  const asked = new URLSearchParams(location.search);
  const q = (asked.get("q") ?? "").replace(/[\x00-\x1f\x7f\u2028\u2029]+/g, " ").trim();
  const field = place.querySelector("form.search input[type=search]");
  field.value = q;
  document.querySelector("header.site input[type=search]").value = q;
  const said = document.getElementById("found") ?? element("div", "");
  said.id = "found";
  place.querySelector("form.search").after(said);
  said.replaceChildren();
  document.title = q ? `${q} – ${TITLE}` : TITLE;
  if (!q) return;
  place.querySelector("details.help").open = false;
  let query;
  try {
    query = parse(q);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const pointed = element("p", "pointed", q.slice(0, problem.at), element("mark", "", q.slice(problem.at)));
    const box = element("div", "box bad", element("p", "", `${say("search_problem")}: ${problem.message}`), pointed);
    box.setAttribute("role", "alert");
    said.append(box);
    return;
  }
  if (!query.terms.length && !query.tests.length) return;
  const terms = query.terms.filter((term) => !term.not).map((term) => term.text);
  const started = performance.now();
  const { total, hits } = find(query, { c: asked.get("c") ?? undefined, a: asked.get("a") ?? undefined });
  const list = element("ol", "hits");
  const messages = `${total.toLocaleString("en")} ${total === 1 ? "message" : "messages"}`;
  const found = total > MOST ? "hits_more" : "hits";
  const counted = total > MOST ? MOST.toLocaleString("en") : messages;
  const lead = element("p", "lead", total ? say(found, { count: counted }) : say("no_hits"));
  lead.setAttribute("role", "status");
  said.dataset.milliseconds = String(performance.now() - started);
  said.append(lead, list);
  const more = element("button", "", say("next_hits"));
  more.type = "button";
  const show = () => {
    const from = list.children.length;
    list.append(...hits.slice(from, from + HITS).map((hit) => shownHit(hit, terms)));
    more.hidden = list.children.length >= hits.length;
  };
  more.addEventListener("click", show);
  said.append(element("p", "more", more));
  show();
}

// What is loaded answers further queries. A browser that lets no file have another address opens the page anew.
function askAgain(event) {
  if (shown === null || !event.target.matches("form.search")) return;
  try {
    history.pushState(null, "", `?${new URLSearchParams(new FormData(event.target))}`);
  } catch {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  begin();
}

document.addEventListener("submit", askAgain, true);
window.addEventListener("popstate", () => {
  if (shown !== null && shown !== location.search) begin();
});
load("index");
