// The outline of a sound as a slider: click or arrows move, space plays, [ and ] set the trim.
"use strict";

const wave = document.querySelector("[data-wave]");
const player = document.querySelector("audio[data-plays]");
if (wave && player) prepareWave();

function prepareWave() {
  const all = Number(wave.dataset.ms) / 1000, offset = Number(wave.dataset.offsetMs || 0) / 1000;
  const head = document.createElement("div");
  head.className = "playhead";
  wave.append(head);
  Object.assign(wave, { tabIndex: 0, role: "slider", ariaLabel: wave.dataset.name, ariaValueMin: "0", ariaValueMax: String(Math.round(all)) });
  let asked = 0;

  const here = () => (player.readyState ? player.currentTime + offset : asked);
  const show = () => {
    head.style.left = `${(100 * here()) / all}%`;
    wave.ariaValueNow = String(Math.round(here()));
    wave.ariaValueText = written(here());
  };
  const move = (to) => {
    asked = Math.min(Math.max(to, 0), all);
    const wanted = Math.max(0, asked - offset);
    if (player.readyState) player.currentTime = wanted;
    else {
      player.addEventListener("loadedmetadata", () => { player.currentTime = wanted; }, { once: true });
      player.load();
      player.preload = "metadata";
    }
    show();
  };
  wave.addEventListener("click", (event) => {
    const box = wave.getBoundingClientRect();
    move((all * (event.clientX - box.left)) / box.width);
  });
  wave.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -5, ArrowRight: 5, ArrowDown: -5, ArrowUp: 5, PageDown: -30, PageUp: 30 }[event.key];
    if (step) move(here() + step);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(all);
    else if (event.key === " ") player.paused ? player.play() : player.pause();
    else if (event.key === "[") set("start");
    else if (event.key === "]") set("end");
    else return;
    event.preventDefault();
  });
  for (const name of ["timeupdate", "seeked", "play", "pause"]) player.addEventListener(name, show);
  show();

  // One at a time: two voices at once are none.
  const players = [...document.querySelectorAll("audio")];
  for (const one of players) one.addEventListener("play", () => {
    for (const other of players) if (other !== one) other.pause();
  });

  for (const button of document.querySelectorAll("[data-here]")) {
    button.hidden = false;
    button.addEventListener("click", () => set(button.dataset.here));
  }
  const horn = document.querySelector("[data-horn]"), hornHere = document.querySelector("[data-horn-here]");
  if (horn && hornHere) {
    hornHere.hidden = false;
    hornHere.addEventListener("click", () => {
      horn.src = `${horn.dataset.horn}?at=${Math.floor(here())}`;
      horn.play();
    });
  }

  function set(name) {
    const field = document.getElementById(name);
    if (!field) return;
    field.closest("details").open = true;
    field.value = written(here());
  }
  function written(seconds) {
    const minutes = Math.floor(seconds / 60), rest = seconds - 60 * minutes;
    return `${minutes}:${rest.toFixed(1).padStart(4, "0").replace(/\.0$/, "")}`;
  }
}
