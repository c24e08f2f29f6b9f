// The desk beyond plain links and forms: keys, pictures that blur again, and the time that a case is yours.

const BLUR_AGAIN_MS = 10_000;
const SIGN_OF_LIFE_MS = 30_000;
const SHORT_S = 60;

const byId = (id) => document.getElementById(id);
const held = () => [...document.querySelectorAll("[data-picture]")];
const lease = byId("lease");
let current = 0;
let keysOn = localStorage.getItem("gardefou_keys") !== "off";

// Pictures

function hide(suspect) {
  const picture = suspect.querySelector("img");
  if (!picture?.dataset.blurred) return;
  URL.revokeObjectURL(picture.src);
  picture.src = picture.dataset.blurred;
  picture.alt = picture.dataset.blurredAlt;
  delete picture.dataset.blurred;
  label(suspect, false);
}

function label(suspect, clear) {
  const form = suspect.querySelector(".reveal");
  const button = form.querySelector("button");
  const words = button.querySelector("span");
  form.dataset.show ??= words.textContent;
  words.textContent = clear ? form.dataset.hide : form.dataset.show;
  button.setAttribute("aria-pressed", clear);
}

async function reveal(suspect) {
  const form = suspect.querySelector(".reveal");
  const picture = suspect.querySelector("img");
  if (!form || !picture) return;
  if (picture.dataset.blurred) { hide(suspect); return; }
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (answer.status === 409) lost();
  if (answer.status === 429) byId("resting").hidden = false;
  if (!answer.ok) return;
  const clear = URL.createObjectURL(await answer.blob());
  if (picture.dataset.blurred) { URL.revokeObjectURL(clear); return; }
  picture.dataset.blurred = picture.src;
  picture.dataset.blurredAlt = picture.alt;
  picture.src = clear;
  picture.alt = picture.dataset.clearAlt;
  label(suspect, true);
  setTimeout(() => hide(suspect), BLUR_AGAIN_MS);
}

function choose(suspect, choice) {
  const radio = suspect?.querySelector(`input[value="${choice}"]`);
  if (radio) radio.checked = true;
}

function go(index, scroll = true) {
  const suspects = held();
  if (!suspects.length) return;
  current = Math.max(0, Math.min(index, suspects.length - 1));
  suspects.forEach((suspect, place) => suspect.classList.toggle("current", place === current));
  if (scroll) suspects[current].scrollIntoView({ block: "nearest" });
}

function decideCurrent(choice) {
  choose(held()[current], choice);
  go(current + 1);
}

const chooseAll = (choice) => held().forEach((suspect) => choose(suspect, choice));

// The form

function sayClause() {
  const said = byId("clause").selectedOptions[0]?.dataset.said ?? "";
  byId("clause-said").textContent = said;
  byId("clause-said").hidden = !said;
}

function open(id) {
  const part = byId(id);
  if (!part) return;
  part.open = true;
  part.querySelector("select").focus();
}

// The lease

function lost() {
  byId("lost").hidden = false;
  lease?.remove();
  clearInterval(counting);
  clearInterval(living);
}

let until = lease ? Date.now() + 1000 * Number(lease.dataset.seconds) : 0;

function count() {
  const seconds = Math.max(0, Math.round((until - Date.now()) / 1000));
  lease.querySelector("strong").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  lease.classList.toggle("short", seconds <= SHORT_S);
  if (seconds === 0) lost();
}

async function signOfLife() {
  if (document.visibilityState !== "visible" || !document.hasFocus()) return;
  const form = byId("give-back");
  const answer = await fetch(lease.dataset.url, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (answer.status === 409) lost();
  if (answer.ok) until = Date.now() + 1000 * (await answer.json()).seconds;
}

const counting = lease && setInterval(count, 1000);
const living = lease && setInterval(signOfLife, SIGN_OF_LIFE_MS);

// What was allowed can be taken back for some seconds

const done = document.querySelector(".done");
if (Number(done?.dataset.seconds)) {
  const ends = Date.now() + 1000 * Number(done.dataset.seconds);
  const words = done.querySelector("[data-say]");
  const ticking = setInterval(() => {
    const seconds = Math.max(0, Math.round((ends - Date.now()) / 1000));
    words.textContent = words.dataset.say.replace("{seconds}", seconds);
    if (seconds === 0) { clearInterval(ticking); done.remove(); }
  }, 1000);
}

// Keys

const press = (id) => () => byId(id)?.click();
const focus = (id) => () => byId(id)?.focus();
const showKeys = () => byId("keys").showModal();
const keys = {
  j: () => go(current + 1),
  k: () => go(current - 1),
  1: () => decideCurrent("allow"),
  2: () => decideCurrent("block"),
  a: () => chooseAll("allow"),
  b: () => chooseAll("block"),
  " ": () => held()[current] && reveal(held()[current]),
  c: focus("clause"),
  r: focus("reason"),
  m: focus("note"),
  5: () => decideCurrent("ban"),
  3: () => open("escalate"),
  4: () => open("skip"),
  n: press("next"),
  u: press("undo"),
  "?": showKeys,
};

function typed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const field = event.target.closest("input:not([type=radio], .pick input), select, textarea");
  if (event.key === "Escape") {
    if (field) field.blur();
    else byId("give-back")?.requestSubmit();
  } else if (event.key === "Enter" && !event.target.closest("button, a, summary, textarea")) {
    event.preventDefault();
    const aside = event.target.closest("details form");
    if (aside) aside.requestSubmit();
    else byId("submit")?.click();
  } else if (keysOn && !field && keys[event.key] && !(event.key === " " && event.target.closest("button, summary, a, input"))) {
    event.preventDefault();
    keys[event.key]();
  }
}

function showSwitch() {
  const button = byId("keys-switch");
  button.textContent = keysOn ? button.dataset.on : button.dataset.off;
  button.setAttribute("aria-pressed", keysOn);
  document.documentElement.classList.toggle("keys-off", !keysOn);
}

function switchKeys() {
  keysOn = !keysOn;
  localStorage.setItem("gardefou_keys", keysOn ? "on" : "off");
  showSwitch();
}

for (const id of ["keys-switch", "keys-open"]) byId(id).hidden = false;
for (const buttons of document.querySelectorAll(".all-buttons")) buttons.hidden = false;
byId("keys-switch").addEventListener("click", switchKeys);
byId("keys-open").addEventListener("click", showKeys);
byId("keys-close").addEventListener("click", () => byId("keys").close());
byId("allow-all")?.addEventListener("click", () => chooseAll("allow"));
byId("block-all")?.addEventListener("click", () => chooseAll("block"));
byId("clause")?.addEventListener("change", sayClause);
document.addEventListener("keydown", typed);
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".reveal")) return;
  event.preventDefault();
  reveal(event.target.closest("[data-picture]"));
});
showSwitch();
if (byId("clause")) sayClause();
if (lease) go(0, false);  // a case opens at its sentence
