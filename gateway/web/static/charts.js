// Time series: each is drawn from the table beneath it, so that both always say the same.

const DAY_S = 86_400;
const HEIGHT_PX = 220;
const language = document.documentElement.lang;
const shortDay = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

// What a custom property is in the colours in force: only a used value has light-dark() resolved.
function colour(property) {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = `var(${property})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function faint(found) {
  return found.startsWith("rgb(") ? found.replace("rgb(", "rgba(").replace(")", ", 0.18)") : found;
}

function columns(table) {
  const rows = [...table.tBodies[0].rows];
  const days = rows.map((row) => Date.parse(row.cells[0].querySelector("time").dateTime) / 1000);
  const read = (place) => rows.map((row) => Number(row.cells[place].dataset.value));
  const heads = [...table.tHead.rows[0].cells];
  return [days, ...heads.slice(1).map((_, place) => read(place + 1))];
}

function gaps(data, step, nothing) {
  // Days without a row: of what is counted there was none; of a share there is nothing to join.
  const [days, ...values] = data;
  const filled = [[], ...values.map(() => [])];
  days.forEach((day, place) => {
    for (let missed = (days[place - 1] ?? day) + step * DAY_S; missed < day - DAY_S / 2; missed += step * DAY_S) {
      filled.forEach((column, at) => column.push(at ? nothing : missed));
    }
    filled.forEach((column, at) => column.push(at ? values[at - 1][place] : day));
  });
  return filled;
}

// One day alone stands in the middle of a week: left to itself uPlot adds years behind it.
function dayRange(plot, first, last) {
  return plot.data[0].length === 1 ? [first - 3 * DAY_S, first + 3 * DAY_S] : [first, last];
}

function options(table, width) {
  const ink = colour("--soft");
  const grid = { stroke: faint(ink), width: 1 };
  const colours = { first: colour("--link"), second: colour("--lamp") };
  const per = table.dataset.unit;
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const series = heads.map((head) => ({
    label: head.textContent,
    stroke: colours[head.dataset.ink] ?? "transparent",
    width: head.dataset.ink ? 2 : 0,
    dash: head.dataset.ink === "second" ? [6, 4] : undefined, // not by colour alone
    points: { show: Boolean(head.dataset.ink), size: 6, fill: colours[head.dataset.ink] },
    value: (_, value) => (value === null ? "–" : number.format(value) + per),
  }));
  const shown = heads.findIndex((head) => head.dataset.band === "low");
  const bands = shown < 0 ? [] : [{ series: [shown + 2, shown + 1], fill: faint(colours.first) }];
  return {
    width, height: HEIGHT_PX, bands, legend: { show: false }, cursor: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { x: { range: dayRange }, y: { range: (_, __, most) => [0, table.dataset.most ? Number(table.dataset.most) : Math.max(most, 1) * 1.1] } },
    series: [{}, ...series],
    axes: [
      { stroke: ink, grid, ticks: grid, space: 70, values: (_, days) => days.map((day) => shortDay.format(day * 1000)) },
      { stroke: ink, grid, ticks: grid, size: 60, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000], values: (_, all) => all.map((value) => number.format(value) + per) },
    ],
  };
}

function draw(figure) {
  const table = figure.querySelector("table");
  const place = figure.querySelector(".plot");
  place.replaceChildren();
  place.hidden = false;
  const nothing = table.dataset.nothing === undefined ? null : Number(table.dataset.nothing);
  const data = gaps(columns(table), Number(table.dataset.step), nothing);
  return new uPlot(options(table, place.clientWidth), data, place);
}

for (const figure of document.querySelectorAll("figure.series")) {
  let plot = draw(figure);
  figure.querySelector("details").open = false;
  const place = figure.querySelector(".plot");
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT_PX })).observe(figure);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (plot = draw(figure)));
}
