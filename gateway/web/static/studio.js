// What the page does beyond plain links and forms: look closer at a picture, and no second press of Run.

const viewer = document.querySelector("#viewer");
const part = (name) => viewer.querySelector(`#viewer-${name}`);
const pictures = () => [...document.querySelectorAll(".pane.face-shown > a")];
let current = 0;

function show(index) {
  const links = pictures();
  current = index;
  const link = links[index];
  const picture = link.querySelector("img");
  part("picture").src = picture.src;
  part("picture").alt = picture.alt;
  part("caption").textContent = link.dataset.caption;
  part("save").href = picture.src;
  part("save").download = link.dataset.file;
  part("report").href = link.dataset.report;
  part("previous").disabled = index === 0;
  part("next").disabled = index === links.length - 1;
  if (document.activeElement?.disabled) part("close").focus();
}

function step(by) {
  const wanted = current + by;
  if (wanted >= 0 && wanted < pictures().length) show(wanted);
}

function enlarge(event) {
  const link = event.target.closest(".pane.face-shown > a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  show(pictures().indexOf(link));
  viewer.showModal();
}

function rephrase(event) {
  if (!event.target.closest("#rephrase")) return;
  event.preventDefault();
  const box = document.querySelector("#prompt");
  box.focus();
  box.select();
}

function pressed(event) {
  for (const button of event.target.querySelectorAll("button")) {
    setTimeout(() => { button.disabled = true; });
  }
}

function released() {
  for (const button of document.querySelectorAll("form button:disabled")) button.disabled = false;
}

document.addEventListener("click", enlarge);
document.addEventListener("click", rephrase);
document.addEventListener("submit", pressed);
window.addEventListener("pageshow", released);
part("previous").addEventListener("click", () => step(-1));
part("next").addEventListener("click", () => step(1));
part("close").addEventListener("click", () => viewer.close());
viewer.addEventListener("close", () => pictures()[current]?.focus());
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
viewer.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
