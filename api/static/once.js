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

// A reload is no wish to lose what was typed: the tab keeps it until the form is sent or left.
const typedAt = `typed ${location.pathname}`;
const isTyped = (one) => one.name && !/^(hidden|password|file|submit|button)$/.test(one.type) && !one.closest("#upload");
const fieldsOf = (form) => [...form.elements].filter(isTyped);
const postForms = () => [...document.querySelectorAll("main form[method=post]")];

addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form || form.method !== "post" || !isTyped(event.target)) return;
  const kept = postForms().map((one) => fieldsOf(one).map((field) => [field.name, field.value, field.checked]));
  try { sessionStorage.setItem(typedAt, JSON.stringify(kept)); } catch { /* no room: as without this script */ }
});
addEventListener("submit", (event) => {
  if (event.target.action.endsWith("/sign-out")) sessionStorage.clear();  // who comes next is another
  else sessionStorage.removeItem(typedAt);
});
addEventListener("DOMContentLoaded", () => {
  const kept = JSON.parse(sessionStorage.getItem(typedAt) || "[]");
  sessionStorage.removeItem(typedAt);
  if (performance.getEntriesByType("navigation")[0]?.type !== "reload") return;
  postForms().forEach((form, at) => fieldsOf(form).forEach((field, number) => {
    const [name, value, checked] = (kept[at] || [])[number] || [];
    if (name !== field.name || (field.value === value && field.checked === checked)) return;
    if (field.type === "checkbox" || field.type === "radio") field.checked = checked;
    else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));  // kept for the next reload, and checked
  }));
});
