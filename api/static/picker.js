// A search and a tree of units answer without drawing the page anew. The form works without this:
// its buttons ask the server for the whole page.
"use strict";

(() => {
  let waiting = 0, asked = 0;

  document.addEventListener("click", (event) => {
    const button = event.target.closest('.picker[data-name] button[name="pick"]');
    if (!button) return;
    event.preventDefault();
    ask(button.closest(".picker"), button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches('.picker[data-name] input[type="search"]')) return;
    event.preventDefault();
    search(event.target);
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches('.picker[data-name] input[type="search"]')) return;
    clearTimeout(waiting);
    waiting = setTimeout(search, 400, event.target);
  });

  function search(field) {
    clearTimeout(waiting);
    ask(field.closest(".picker"), field.parentElement.querySelector("button"));
  }

  async function ask(box, button) {
    const mine = ++asked, name = box.dataset.name, form = box.closest("form");
    const query = new URLSearchParams();
    for (const [field, value] of new FormData(form)) {
      if (field === name) query.append("chosen", value);
      else if (field === `${name}_find` || field === `was_${name}_open`) query.set(field, value);
    }
    query.set("pick", button.value);
    for (const [field, value] of Object.entries(box.dataset)) query.set(field, value);
    const leads = button.getAttribute("formaction");
    let text = "";
    try {
      const answer = await fetch(`/units/pick?${query}`, { headers: { accept: "text/html" } });
      if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
      text = await answer.text();
    } catch {
      if (mine === asked) form.requestSubmit(button);
      return;
    }
    if (mine !== asked) return;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const one of fresh.querySelectorAll("button")) one.setAttribute("formaction", leads);
    for (const part of [".kept", ".choices"]) box.querySelector(part).replaceWith(fresh.querySelector(part));
    if (button.value !== name) box.querySelector('input[type="search"]').value = "";
    if (!document.contains(document.activeElement) || document.activeElement === document.body) (box.querySelector(".choices input:not([type=hidden])") ?? box.querySelector('input[type="search"]')).focus({ preventScroll: true });
  }
})();
