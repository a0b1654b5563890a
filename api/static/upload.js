// An upload that survives a reload, a dropped link and a restart of the server (tus, tus.io).
// The form works without this script; with it the file goes ahead while the fields are filled in.
"use strict";

const form = document.getElementById("upload");
if (form && window.tus && tus.isSupported) prepare(form);

function prepare(form) {
  const say = form.dataset;
  const [picker, drop] = [form.querySelector("#file"), form.querySelector(".drop")];
  const [hidden, sending] = [form.elements.upload, form.querySelector(".sending")];
  const [bar, status] = [sending.querySelector("progress"), sending.querySelector("[data-status]")];
  const [pause, problem] = [sending.querySelector("[data-pause]"), form.querySelector("[data-problem]")];
  const [pauseWord, goOnWord] = [pause.textContent, pause.dataset.other];
  let upload = null, isRunning = false, isSignedOut = false, submits = false, beats = [];

  form.querySelector("[data-drop-hint]").hidden = false;
  keepTyped();

  picker.addEventListener("change", () => picker.files[0] && begin(picker.files[0]));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) begin(event.dataTransfer.files[0]);
  });
  // A file dropped beside the field would replace the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  pause.addEventListener("click", () => (isRunning ? rest(say.paused) : go()));
  sending.querySelector("[data-discard]").addEventListener("click", discard);
  addEventListener("online", () => upload && !isRunning && pause.dataset.asked !== "yes" && go());
  addEventListener("beforeunload", (event) => { if (isRunning) event.preventDefault(); });
  form.addEventListener("submit", (event) => {
    if (!upload || hidden.value) return finish();
    event.preventDefault();
    submits = true;
    tell(say.then);
    sending.scrollIntoView({ block: "center" });  // on a phone the button stands a screen below
  });

  async function begin(file) {
    problem.hidden = true;
    if (file.size > Number(say.limit)) return fail(say.tooLarge);
    if (!file.size) return fail(say.empty);
    if (upload) await upload.abort();
    hidden.value = "";
    upload = new tus.Upload(file, {
      endpoint: "/uploads",
      chunkSize: 8 << 20,
      metadata: told(file),
      retryDelays: [0, 1000, 3000, 5000, ...Array(60).fill(10000)],
      removeFingerprintOnSuccess: true,
      onShouldRetry: (error) => {
        if (isSignedOut) return false;
        const code = error.originalResponse ? error.originalResponse.getStatus() : 0;
        if (code === 0) tell(say.waiting);
        return code === 0 || code >= 500 && code !== 507 || code === 409 || code === 423;
      },
      // Without this the library takes a sign-in that ended for an upload that is gone.
      onAfterResponse: (_, answer) => {
        isSignedOut = answer.getStatus() === 401;
        if (isSignedOut) throw new Error("signed out");
      },
      onProgress: progress,
      onSuccess: arrived,
      onError: stopped,
    });
    let before = await upload.findPreviousUploads();
    if (!before.length) before = await elsewhere(file);
    if (before.length) upload.resumeFromPreviousUpload(before[0]);
    sending.hidden = false;
    sending.querySelector("[data-name]").textContent = file.name;
    tell(before.length ? say.resumes : "");
    go();
  }

  // Begun in another browser: where the list shows one of this size, the server says whether it
  // is this very file, and gives its address or a new one.
  async function elsewhere(file) {
    if (!document.querySelector(`[data-bytes="${file.size}"]`)) return [];
    const told64 = Object.entries(told(file)).map(([name, text]) => `${name} ${base64(text)}`).join(",");
    const headers = { "Tus-Resumable": "1.0.0", "Upload-Length": String(file.size), "Upload-Metadata": told64 };
    const answer = await fetch("/uploads", { method: "POST", headers }).catch(() => null);
    return answer && answer.status === 201 ? [{ uploadUrl: answer.headers.get("Location") }] : [];
  }

  function told(file) {
    return { filename: file.name, filetype: file.type || "audio/unknown", modified: String(file.lastModified) };
  }

  function base64(text) { return btoa(String.fromCharCode(...new TextEncoder().encode(text))); }

  function go() {
    isRunning = true;
    beats = [];
    problem.hidden = true;
    pause.dataset.asked = "";
    pause.textContent = pauseWord;
    upload.start();
  }

  function rest(why) {
    isRunning = false;
    pause.dataset.asked = "yes";
    pause.textContent = goOnWord;
    upload.abort();
    tell(why);
  }

  async function discard() {
    isRunning = submits = false;
    await upload.abort(true).catch(() => {});
    upload = null;
    hidden.value = picker.value = "";
    picker.disabled = false;
    sending.hidden = true;
  }

  function progress(sent, total) {
    const now = performance.now();
    beats.push([now, sent]);
    while (beats.length > 2 && now - beats[0][0] > 10000) beats.shift();
    bar.value = (100 * sent) / total;
    const [first, last] = [beats[0], beats[beats.length - 1]];
    const speed = (1000 * (last[1] - first[1])) / Math.max(1, last[0] - first[0]);
    if (now - (progress.told || 0) < 700 || speed <= 0) return;
    progress.told = now;
    tell(fill(say.onTheWay, {
      done: size(sent), all: size(total), speed: size(speed), left: span((total - sent) / speed),
    }));
  }

  function arrived() {
    isRunning = false;
    bar.value = 100;
    hidden.value = upload.url.split("/").pop();
    picker.disabled = true;  // its bytes are there; the form sends only its name
    pause.hidden = true;
    tell(say.here);
    if (submits) form.requestSubmit();
  }

  function stopped(error) {
    isRunning = false;
    pause.textContent = goOnWord;
    if (isSignedOut) return fail(say.signedOut);
    const answer = error.originalResponse;
    if (!answer || answer.getStatus() === 0) return tell(say.waiting);
    let why = String(answer.getStatus());
    try { why = JSON.parse(answer.getBody()).detail; } catch { /* not one of ours */ }
    fail(fill(say.failed, { why }));
  }

  function finish() {
    sessionStorage.setItem("upload-sent", "yes");
    // A second click would send the form twice; the server would notice, the person would wait.
    setTimeout(() => { for (const one of form.querySelectorAll("button")) one.disabled = true; });
  }

  function keepTyped() {
    const names = ["title", "theme", "genre", "language", "expires_on", "programme_class", "plan_group"];
    // Sent, and the page opened anew: done. A reload may have come before the answer.
    const [opened] = performance.getEntriesByType("navigation");
    if (sessionStorage.getItem("upload-sent") && opened?.type !== "reload") sessionStorage.removeItem("upload-typed");
    sessionStorage.removeItem("upload-sent");
    const kept = JSON.parse(sessionStorage.getItem("upload-typed") || "{}");
    for (const name of names) if (kept[name] && !form.elements[name].defaultValue) form.elements[name].value = kept[name];
    form.addEventListener("input", () => {
      const typed = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
      sessionStorage.setItem("upload-typed", JSON.stringify(typed));
    });
  }

  function tell(text) { if (text) status.textContent = text; }
  function fail(text) { problem.textContent = text; problem.hidden = false; }
  function fill(text, fields) { return text.replace(/\{(\w+)\}/g, (_, name) => fields[name]); }
  function number(value, digits) {
    return value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits });
  }
  function size(bytes) {
    if (bytes < 1 << 20) return number(bytes / 1024, 0) + " KB";
    return bytes < 1 << 30 ? number(bytes / (1 << 20), 1) + " MB" : number(bytes / (1 << 30), 2) + " GB";
  }
  function span(seconds) {
    return seconds < 90 ? fill(say.seconds, { n: number(seconds, 0) }) : fill(say.minutes, { n: number(seconds / 60, 0) });
  }
}
