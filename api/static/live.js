// Keeps parts of a page fresh. A part says where it comes from (data-fresh) and how often to look
// (data-every, seconds); with data-events the server says when something changed, and looking is
// what happens while that line is down. Without this script the page is simply read again.
"use strict";

for (const part of document.querySelectorAll("[data-fresh]")) follow(part);

function follow(part) {
  let timer = 0, busy = false, again = false;
  const every = () => 1000 * Number(part.dataset.every);
  const later = (ms) => { clearTimeout(timer); timer = setTimeout(look, ms); };

  if (part.dataset.events && window.EventSource) {
    const events = new EventSource(part.dataset.events);
    // While the line is up the long wait is only a safeguard.
    events.addEventListener("open", () => { tell(true); later(10 * every()); });
    events.addEventListener("changed", () => later(Math.random() * 500));
    events.addEventListener("error", () => { tell(false); later(every()); });
    addEventListener("pagehide", () => events.close());
  } else if (part.dataset.events) {
    tell(false);
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) later(0); });
  later(every());

  async function look() {
    if (document.hidden) return;
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(part.dataset.fresh, { headers: { Accept: "text/html" } });
      // A sign-in that ended: the page that the reload shows says so and leads back here.
      if (answer.redirected || answer.status === 401) return location.reload();
      if (answer.ok) renew(await answer.text());
    } catch {
      // The link is down: what is shown stays, with its time.
    } finally {
      busy = false;
    }
    if (part.dataset.fresh) later(again ? 0 : every() * (part.dataset.live === "yes" ? 10 : 1));
    again = false;
  }

  function renew(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
    if (!fresh || fresh.id !== part.id) return;
    if (fresh.hasAttribute("data-reload")) return location.reload();
    // Nobody's half-typed word is taken away.
    if (part.contains(document.activeElement) && /INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) return;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    for (const open of part.querySelectorAll("details[open][id]")) {
      const same = fresh.querySelector("#" + CSS.escape(open.id));
      if (same) same.open = true;
    }
    fresh.dataset.live = part.dataset.live || "";
    part.replaceWith(fresh);
    part = fresh;
    if (focused) document.getElementById(focused)?.focus();
  }

  function tell(isLive) {
    part.dataset.live = isLive ? "yes" : "no";
  }
}
