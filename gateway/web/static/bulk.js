// Selecting cases of the queue, and one act for all of them, by keyboard. After desk.js, whose keys it adds to.

const together = byId("together");
const picked = new Set();
const rows = () => [...document.querySelectorAll(".case-row")];
const boxOf = (row) => row?.querySelector(".pick input");
let lastPicked = null;

function currentRow() {
  return document.activeElement?.closest(".case-row") ?? document.querySelector(".case-row.current");
}

function goToRow(step) {
  const all = rows();
  if (!all.length) return;
  const place = all.indexOf(currentRow());
  const next = all[place < 0 ? 0 : Math.max(0, Math.min(place + step, all.length - 1))];
  for (const row of all) row.classList.toggle("current", row === next);
  next.querySelector("a").focus();
  next.scrollIntoView({ block: "nearest" });
}

function pick(row, chosen) {
  const box = boxOf(row);
  if (!box || (chosen && !picked.has(box.name) && picked.size >= most())) return;
  box.checked = chosen;
  if (chosen) picked.add(box.name); else picked.delete(box.name);
}

function pickThis(range) {
  if (!currentRow()) goToRow(0);
  const row = currentRow();
  const box = boxOf(row);
  if (!box) return;
  const all = rows();
  const from = all.findIndex((other) => other.id === lastPicked);
  const to = all.indexOf(row);
  const chosen = range && from >= 0 ? true : !box.checked;
  const between = range && from >= 0 ? all.slice(Math.min(from, to), Math.max(from, to) + 1) : [row];
  for (const one of between) pick(one, chosen);
  lastPicked = row.id;
  tellPicked();
}

const most = () => Number(byId("together-count").dataset.most);

function tellPicked() {
  const told = byId("together-count");
  const say = picked.size ? told.dataset.say : told.dataset.hint;
  const words = say.replace("{count}", picked.size).replace("{most}", most());
  if (told.textContent !== words) told.textContent = words;
  byId("together-go").disabled = picked.size === 0;
}

function pickAgain() {
  // The list was exchanged: what is no longer in it is no longer selected.
  const boxes = rows().map(boxOf).filter(Boolean);
  for (const box of boxes) box.checked = picked.has(box.name);
  const shown = new Set(boxes.map((box) => box.name));
  for (const name of picked) if (!shown.has(name)) picked.delete(name);
  tellPicked();
}

if (together) {
  Object.assign(keys, {
    j: () => goToRow(1),
    k: () => goToRow(-1),
    x: () => pickThis(false),
    X: () => pickThis(true),
    d: () => { if (picked.size) together.requestSubmit(); },
  });
  for (const box of rows().map(boxOf)) if (box?.checked) picked.add(box.name);
  let shift = false;
  document.addEventListener("click", (event) => { shift = event.shiftKey; }, true);
  document.addEventListener("change", (event) => {
    if (!event.target.matches(".pick input")) return;
    event.target.checked = !event.target.checked;
    for (const row of rows()) row.classList.toggle("current", row.contains(event.target));
    pickThis(shift);
  });
  document.addEventListener("htmx:after:swap", pickAgain);
  window.addEventListener("pageshow", pickAgain);
  tellPicked();
}

// One act for every case of a batch

const acts = [...document.querySelectorAll("input[name=act]")];

function fitToAct() {
  const act = acts.find((radio) => radio.checked)?.value;
  const clause = byId("clause");
  clause.disabled = Boolean(act) && act !== "block";
  clause.required = act === "block";
  for (const group of byId("reason").querySelectorAll("optgroup")) group.disabled = Boolean(act) && group.dataset.act !== act;
  if (byId("reason").selectedOptions[0]?.parentElement.disabled) byId("reason").value = "";
}

const act = (name) => () => { byId(`act-${name}`).checked = true; fitToAct(); };

if (acts.length) {
  Object.assign(keys, { 1: act("allow"), 2: act("block"), 3: act("escalate"), a: act("allow"), b: act("block") });
  for (const radio of acts) radio.addEventListener("change", fitToAct);
  fitToAct();
}
