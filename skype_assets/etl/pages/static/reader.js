// Keys, filter, endless scrolling. Every page works without it.
"use strict";

const feed = document.getElementById("feed");

function articles() {
  return feed ? [...feed.querySelectorAll(":scope > article")] : [];
}

function days() {
  return feed ? [...feed.querySelectorAll(":scope > article > .day")] : [];
}

// Where reading is: the message that has the focus, else the first one that is to be seen.
function current() {
  const focused = document.activeElement?.closest?.("#feed > article");
  return focused ?? articles().find((one) => one.getBoundingClientRect().bottom > 80) ?? null;
}

function show(article, block = "nearest") {
  if (!article) return;
  article.focus({ preventScroll: true });
  article.scrollIntoView({ block, behavior: "instant" });
}

// Goes to a place until it stays there: heights are estimates for as long as nothing was in sight, and each move shows
// some that were not. The ends are watched only then: else what is in sight at the beginning would be filled first.
function goTo(place, frames = 12) {
  place();
  requestAnimationFrame(() => (frames ? goTo(place, frames - 1) : watchEnds()));
}

async function step(direction) {
  const at = current();
  const isFocused = at === document.activeElement;
  await near(at, direction);
  const all = articles();
  show(isFocused ? all[all.indexOf(at) + direction] : at);
}

async function stepDay(direction) {
  const at = current();
  const next = () => {
    const all = days();
    const own = all.findLast((day) => at.contains(day) || day.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING);
    return all[all.indexOf(own) + direction];
  };
  if (!next()) await more(direction < 0 ? "prev" : "next");
  const day = next();
  if (!day) return;
  show(day.parentElement, "start");
}

// Endless scrolling: what the link to older or newer messages leads to is put into this page, which keeps so many.
const KEPT = 600;
const loading = new Set();

function linkTo(rel, within = document) {
  return within.querySelector(`.reading > .more:not([hidden]) > a[rel=${rel}]`);
}

async function more(rel) {
  // A page that lies as a file can read no other one.
  if (document.querySelector('meta[name="outlet"]')) return false;
  const link = linkTo(rel);
  if (!link || loading.has(rel)) return false;
  loading.add(rel);
  feed.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(link.href);
    if (!answer.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const got = [...page.getElementById("feed").children];
    const next = linkTo(rel, page);
    if (rel === "prev") {
      const first = feed.firstElementChild;
      const was = first.getBoundingClientRect().top;
      feed.prepend(...got);
      sameDay(first);
      window.scrollBy({ top: first.getBoundingClientRect().top - was, behavior: "instant" });
    } else {
      const last = feed.lastElementChild;
      feed.append(...got);
      sameDay(last.nextElementSibling);
    }
    got.forEach(watchFiles);
    if (next) link.href = next.href;
    else link.parentElement.hidden = true;
    forget(rel);
    return true;
  } finally {
    loading.delete(rel);
    feed.removeAttribute("aria-busy");
  }
}

// What is far behind goes, so that a page of any conversation stays small; its link leads to it again.
function forget(rel) {
  const all = articles();
  const far = rel === "prev" ? all.slice(KEPT) : all.slice(0, -KEPT);
  if (!far.length) return;
  const [other, place] = rel === "prev" ? ["next", "after"] : ["prev", "before"];
  const last = rel === "prev" ? all[KEPT - 1] : all.at(-KEPT);
  const top = last.getBoundingClientRect().top;
  const heading = rel === "next" && days().findLast((day) => far.includes(day.parentElement));
  far.forEach((one) => one.remove());
  if (heading && !last.querySelector(":scope > .day")) last.prepend(heading);
  window.scrollBy({ top: last.getBoundingClientRect().top - top, behavior: "instant" });
  const link = document.querySelector(`.reading > .more > a[rel=${other}]`);
  link.href = `${location.pathname.replace(/m\/[^/]*$/, "")}?${place}=${last.id.slice(2)}`;
  link.parentElement.hidden = false;
}

// A page begins with the heading of its day, which may be that of the message before.
function sameDay(article) {
  const heading = article?.querySelector(":scope > .day");
  if (!heading) return;
  const all = days();
  const earlier = all[all.indexOf(heading) - 1];
  if (earlier && earlier.textContent.trim() === heading.textContent.trim()) heading.remove();
}

// Loads what is beyond the ends while there is less than a few messages left.
async function near(at, direction) {
  const all = articles();
  const left = direction < 0 ? all.indexOf(at) : all.length - 1 - all.indexOf(at);
  return left < 5 ? more(direction < 0 ? "prev" : "next") : false;
}

function watchEnds() {
  const watcher = new IntersectionObserver(
    (seen) => {
      for (const one of seen) if (one.isIntersecting) more(one.target.querySelector("a")?.rel);
    },
    { rootMargin: "600px" },
  );
  document.querySelectorAll(".reading > .more").forEach((end) => watcher.observe(end));
}

// A file whose bytes are not at hand: a box that says so, in place of a broken picture.
function watchFiles(root) {
  root.querySelectorAll?.(".file").forEach((file) => {
    const media = file.querySelector("img, video, audio");
    const lost = file.querySelector(".lost");
    if (!media || !lost) return;
    const fail = () => {
      lost.hidden = false;
      (media.closest("a") ?? media).hidden = true;
    };
    media.addEventListener("error", fail);
    if (media.complete && media.naturalWidth === 0) fail();
  });
}

function filterConversations() {
  const filter = document.getElementById("filter");
  if (!filter) return;
  const rows = [...document.querySelectorAll("#conversations > li")];
  const titles = rows.map((row) => (row.querySelector(".name")?.textContent ?? "").toLowerCase());
  const said = document.getElementById("filtered");
  filter.parentElement.hidden = false;
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !titles[i].includes(wanted);
      if (!row.hidden) shown += 1;
    });
    said.textContent = !wanted ? "" : shown ? said.dataset.some.replace("{count}", shown) : said.dataset.none;
  });
}

const actions = {
  "/": () => document.querySelector('[data-key="search"]')?.focus(),
  j: () => step(1),
  k: () => step(-1),
  "]": () => stepDay(1),
  "[": () => stepDay(-1),
  g: () => document.querySelector('[data-key="date"]')?.focus(),
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog, audio, video")) return;
  const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
  if (action && (feed || ["/", "?"].includes(event.key))) {
    event.preventDefault();
    action();
  }
});

document.querySelectorAll("[data-opens]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
});

filterConversations();
watchFiles(document);
if (feed) {
  const target = feed.querySelector(".target");
  const isEnd = !/[?&](at|after|first|before)=/.test(location.search) && !linkTo("next");
  if (target) goTo(() => show(target, "center"));
  else if (isEnd && !location.hash) goTo(() => window.scrollTo({ top: document.body.scrollHeight, behavior: "instant" }));
  else if (/[?&]before=/.test(location.search)) goTo(() => articles().at(-1)?.scrollIntoView({ block: "end" }));
  else goTo(() => {});
}
