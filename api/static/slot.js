// What stands in the way of a line is shown while it is written. The form works without this: its
// buttons check the same on the server, and nothing is decided here.
"use strict";

(() => {
  const form = document.getElementById("slot");
  const place = document.getElementById("live");
  if (!form || !place) return;
  const before = document.getElementById("check");
  const NOT_ASKED = new Set(["form_token", "opened", "version", "back"]);
  let waiting = 0, asked = 0;

  form.addEventListener("input", later);
  form.addEventListener("change", later);
  // A proposal goes into the form: it is saved with everything else, not instead of it.
  for (const one of [place, before]) one.addEventListener("submit", (event) => {
    const sent = new FormData(event.target);
    if (sent.get("do") !== "preview") return;
    event.preventDefault();
    take(sent);
    form.elements.title.focus({ preventScroll: true });
    later();
  });

  function later() {
    clearTimeout(waiting);
    waiting = setTimeout(check, 400);
  }

  async function check() {
    const query = new URLSearchParams([...new FormData(form)].filter(([name]) => !NOT_ASKED.has(name)));
    // Half a form is no mistake: nobody is told what is missing while it is being filled in.
    if (![..."title programme_id audience starts_at".split(" ")].every((name) => query.get(name))) return;
    query.set("slot_id", form.dataset.slot);
    const mine = ++asked;
    try {
      const answer = await fetch(`/timetable/check?${query}`, { headers: { accept: "text/html" } });
      if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (mine === asked) show(text);
    } catch {
      if (mine === asked) place.textContent = form.dataset.failed;
    }
  }

  // What the page said before is no longer true; what is being typed stays where it is on the screen.
  function show(text) {
    const field = document.activeElement;
    const top = field.getBoundingClientRect().top;
    before.replaceChildren();
    place.innerHTML = text;
    scrollBy(0, field.getBoundingClientRect().top - top);
  }

  function take(sent) {
    for (const box of form.querySelectorAll('input[type="checkbox"]')) box.checked = sent.getAll(box.name).includes(box.value);
    for (const [name, value] of sent) {
      // No button: what a button does stays what it says.
      const field = form.querySelector(`:is(input, select)[name="${name}"]:not([type="hidden"], [type="checkbox"], [type="radio"])`);
      if (field && !["items", "more", "exclude"].includes(name)) field.value = value;
    }
    for (const code of sent.getAll("exclude")) leaveOut(code);
  }

  function leaveOut(code) {
    if ([...form.querySelectorAll('[type="checkbox"][name="exclude"]')].some((box) => box.value === code)) return;
    const list = form.querySelector('select[name="exclude"]');  // none where a picker stands
    const place = list ?? form.querySelector("#pick-exclude .kept");
    const label = document.createElement("label");
    label.className = "tick";
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "exclude", value: code, checked: true });
    label.append(box, [...list?.options ?? []].find((one) => one.value === code)?.text.trim() ?? code);
    place.closest("details").open = true;
    if (list) list.parentElement.before(label);
    else place.append(label);
  }
})();
