// Labelling by keys: a digit chooses its answer, 0 says that nobody is there; Enter is the desk's own.

const form = document.getElementById("labels");

document.addEventListener("keydown", (event) => {
  if (!form || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("gardefou_keys") === "off") return;
  if (document.getElementById("keys").open || event.target.closest("input:not([type=radio]), select, textarea")) return;
  const chosen = form.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!chosen) return;
  event.preventDefault();
  if (chosen.type === "radio") chosen.checked = true;
  else chosen.click();
});
