// What pages that lie as files do otherwise than those that are served: forms lead nowhere without a server.
"use strict";

document.querySelectorAll("form.search").forEach((form) => {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const asked = new URLSearchParams(new FormData(form));
    location.href = `${form.getAttribute("action")}?${asked}`;
  });
});

// To a date: the page of its month, or of the first one behind it, and there to its day.
document.querySelector("form.jump")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const day = event.target.elements.at.value;
  const months = [...document.querySelectorAll("a[data-month]")];
  const link = months.find((one) => one.dataset.month >= day.slice(0, 7)) ?? months.at(-1);
  if (link) location.href = `${link.getAttribute("href").split("#")[0]}#day-${day}`;
});

function showDay() {
  const day = /^#day-(\d{4}-\d\d-\d\d)$/.exec(location.hash)?.[1];
  if (!day) return;
  const headings = [...document.querySelectorAll("#feed .day time")];
  const heading = headings.find((one) => one.dateTime >= day) ?? headings.at(-1);
  heading?.closest("article").scrollIntoView({ block: "start", behavior: "instant" });
}

function showTarget() {
  document.querySelector("article:target, figure:target")?.scrollIntoView({ block: "center", behavior: "instant" });
}

// The beginning of a page is where somebody comes from the page before; its end, from the one behind.
function showEnd() {
  if (location.hash === "#end") window.scrollTo({ top: document.body.scrollHeight, behavior: "instant" });
}

// Where an address leads. Messages get their height when they come into sight, and pictures when they are there: until
// somebody does something, what was to be shown is shown again whenever the page has become longer.
function showPlace() {
  for (const show of [showDay, showTarget, showEnd]) show();
}

const messages = document.getElementById("feed");
if (messages) {
  const lengths = new ResizeObserver(showPlace);
  lengths.observe(messages);
  for (const done of ["wheel", "keydown", "pointerdown", "touchstart"]) {
    window.addEventListener(done, () => lengths.disconnect(), { once: true, passive: true });
  }
  window.addEventListener("hashchange", showPlace);
  window.addEventListener("load", showPlace);
}
