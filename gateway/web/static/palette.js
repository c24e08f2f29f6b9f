// Ctrl-K: go to a page of the desk, to a case, or do what a button of this page does. A modifier and no single letter,
// so it works whether those are on or off.

const palette = byId("palette");
const sought = byId("palette-sought");
const list = byId("palette-list");
const FULL = /^(cas|bulk|dec)_[0-9A-Za-z]{22}$/;
const SHORT = /^(?:cas_)?([0-9A-Za-z]{6,22})$/;
const say = palette.dataset;
let entries = [];
let shown = [];
let chosen = 0;

const plainly = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function wordsOf(element) {
  const copy = element.cloneNode(true);
  for (const key of copy.querySelectorAll("kbd")) key.remove();
  return (element.getAttribute("aria-label") ?? copy.textContent).replace(/\s+/g, " ").trim();
}

function keyOf(element) {
  return element.querySelector("kbd")?.textContent ?? "";
}

function named(element) {
  // Several buttons have the same words: the picture that they belong to tells them apart.
  const suspect = element.closest("[data-picture]")?.querySelector("h2, h3");
  return suspect ? `${suspect.textContent.replace(/\s+/g, " ").trim()} · ${wordsOf(element)}` : wordsOf(element);
}

const isOffered = (element) => !element.disabled && !element.closest("dialog") && element.checkVisibility();

function pages() {
  return [...document.querySelectorAll(".place a[href]")].map((link) => (
    { words: wordsOf(link), kind: say.page, key: "", go: () => { location.href = link.href; } }
  ));
}

function actions() {
  const offered = [...document.querySelectorAll("main button, .person button, main summary, .choice label")];
  return offered.filter((element) => isOffered(element) && element.id !== "palette-open").map((element) => (
    { words: named(element), kind: say.action, key: keyOf(element), go: () => pressed(element) }
  ));
}

function pressed(element) {
  element.focus();
  element.click();
}

function places(text) {
  const full = FULL.exec(text);
  const path = { cas: "/review/cases/", bulk: "/review/batches/", dec: "/decisions/" };
  const words = { cas: say.case, bulk: say.batch, dec: say.decision };
  const to = (href, told) => [{ words: told, kind: "", key: "", go: () => { location.href = href; } }];
  if (full) return to(path[full[1]] + text, words[full[1]].replace("{id}", text));
  const short = SHORT.exec(text);
  return short ? to(`/review/find?case=${short[1]}`, words.cas.replace("{id}", short[1])) : [];
}

function matching(text) {
  const parts = plainly(text).split(/\s+/).filter(Boolean);
  const found = entries.filter((entry) => parts.every((part) => plainly(entry.words).includes(part)));
  const place = places(text.trim());
  // A word may be the name of a case, but hardly is one while something else is called so.
  return found.length && /^[a-z]+$/.test(text.trim()) ? found : [...found, ...place];
}

function option(entry, place) {
  const item = document.createElement("li");
  item.id = `palette-${place}`;
  item.role = "option";
  item.dataset.place = place;
  for (const [name, text] of [["palette-words", entry.words], ["soft", entry.kind]]) {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = text;
    item.append(part, " ");
  }
  if (entry.key) item.append(Object.assign(document.createElement("kbd"), { textContent: entry.key }));
  return item;
}

function show() {
  shown = matching(sought.value);
  list.replaceChildren(...shown.map(option));
  const count = shown.length;
  const words = count === 0 ? say.none : count === 1 ? say.one : say.found.replace("{count}", count);
  byId("palette-count").textContent = words;
  choosePlace(0);
}

function choosePlace(place) {
  chosen = shown.length ? (place + shown.length) % shown.length : 0;
  for (const item of list.children) item.setAttribute("aria-selected", Number(item.dataset.place) === chosen);
  const item = list.children[chosen];
  if (item) sought.setAttribute("aria-activedescendant", item.id);
  else sought.removeAttribute("aria-activedescendant");
  item?.scrollIntoView({ block: "nearest" });
}

function openPalette() {
  if (document.querySelector("dialog[open]")) return;
  entries = [...pages(), ...actions()];
  sought.value = "";
  palette.showModal();
  sought.focus();
  show();
}

function run(place) {
  const entry = shown[place];
  if (!entry) return;
  palette.close();
  entry.go();
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  event.preventDefault();
  if (palette.open) palette.close();
  else openPalette();
});

sought.addEventListener("keydown", (event) => {
  const to = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: Math.min(chosen + 8, shown.length - 1), PageUp: Math.max(chosen - 8, 0) }[event.key];
  if (to !== undefined) { event.preventDefault(); choosePlace(to); }
  if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); run(chosen); }
});
sought.addEventListener("input", show);
list.addEventListener("click", (event) => {
  const item = event.target.closest("[role=option]");
  if (item) run(Number(item.dataset.place));
});
palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
byId("palette-open").hidden = false;
byId("palette-open").addEventListener("click", openPalette);
