// A form that is on its way is not sent a second time by the same page. The server would notice it
// anyway (and answers both the same); this only spares the wait. Without this script nothing is lost.
"use strict";

addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
  // A sending that was stopped or broke off may be tried again.
  setTimeout(() => free(form), 8000);
});
// The back button may bring the page back as it was left.
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(free));

function free(form) {
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
}
