// Draws a <figure data-chart> with uPlot, in place of the SVG that the server drew and that stays where uPlot is missing.
// Colours are the page's properties. Dragging opens the range that was marked.

import { marksPlugin } from "./marks.js";

const SUFFIXES = ["", "k", "M", "G", "T", "P", "E"];
const MINUS = "−";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--statflow-${name}`).trim();
}

// A number in about four digits, as the server writes it.
export function short(value) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size && (size < 1e-4 || size >= 1e21)) return value.toExponential(2).replace("-", MINUS);
  const power = size < 1e4 ? 0 : Math.min(Math.floor(Math.log10(size) / 3), SUFFIXES.length - 1);
  const scaled = value / 1000 ** power;
  const text = scaled.toLocaleString("en", { maximumSignificantDigits: power ? 3 : 4 });
  return text.replace("-", MINUS) + SUFFIXES[power];
}

function told(value, unit) {
  const text = short(value);
  return !unit || text === "–" ? text : ["%", "‰", "°"].includes(unit) ? text + unit : `${text} ${unit}`;
}

// Notes: a hairline down to the axis, with a small flag. What they say is told by marks.js.
function notesPlugin(notes) {
  return {
    hooks: {
      draw: plot => {
        const { ctx, bbox } = plot, scale = devicePixelRatio;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = colour("muted");
        ctx.lineWidth = scale;
        for (const [time] of notes) {
          const x = Math.round(plot.valToPos(time, "x", true));
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.setLineDash([2 * scale, 3 * scale]);
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x + 7 * scale, bbox.top + 4 * scale);
          ctx.lineTo(x, bbox.top + 8 * scale);
          ctx.fill();
        }
        ctx.restore();
      },
    },
  };
}

// Unusual rows: a ring around the row, in the colour of alarm.
function unusualPlugin(unusual) {
  return {
    hooks: {
      draw: plot => {
        const { ctx, bbox } = plot, scale = devicePixelRatio;
        ctx.save();
        ctx.strokeStyle = colour("alarm");
        ctx.fillStyle = colour("paper");
        ctx.lineWidth = 2 * scale;
        for (const [time, value] of unusual) {
          const x = plot.valToPos(time, "x", true), y = plot.valToPos(value, "y", true);
          if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
          ctx.beginPath();
          ctx.arc(x, y, 4.5 * scale, 0, 2 * Math.PI);
          ctx.fill();
          ctx.stroke();
        }
        ctx.restore();
      },
    },
  };
}

function seriesOf(data) {
  const names = ["accent", "second", "third"];
  const found = data.lines.map((line, index) => ({
    label: line.label || "now", stroke: colour(names[index]), width: 1.75, points: pointsOf(data.times.length),
    fill: data.filled && index === 0 ? colour(names[index]) + "1f" : undefined,
    value: (plot, value) => told(value, line.unit), spanGaps: false,
  }));
  if (data.previous)
    found.push({
      label: data.previousLabel, stroke: colour("muted"), width: 1.25, dash: [4, 3], points: { show: false },
      value: (plot, value) => told(value, data.lines[0].unit),
    });
  // The row that is not over yet: dashed, for it is lower than it will be.
  if (data.runs)
    data.lines.forEach((line, index) => found.push({
      label: "so far", stroke: colour(names[index]), width: 1.5, dash: [2, 3], points: { show: true, size: 5 },
      value: (plot, value) => told(value, line.unit), class: data.lines.length > 1 ? "unnamed" : undefined,
    }));
  if (data.forecast) found.push(...forecastSeries(data));
  return found;
}

// Where rows are few each has a point; else those have one that have nothing on either side, of which a line shows nothing.
function pointsOf(count) {
  if (count < 40) return { show: true };
  const isAlone = (value, index, column) => value != null && column[index - 1] == null && column[index + 1] == null;
  const alone = (plot, index) =>
    plot.data[index].flatMap((value, row) => isAlone(value, row, plot.data[index]) ? [row] : []);
  return { show: false, size: 7, filter: alone };
}

// How a line is dashed, for the little line beside its name.
function dashOf(plot, index) {
  const dash = plot.series[index].dash;
  return !dash ? "solid" : dash[0] > 2 ? "dashed" : "dotted";
}

// The middle of the forecast, dotted, and the edges of its band, which only carry the tint between them.
function forecastSeries(data) {
  const unit = data.lines[0].unit;
  const edge = { stroke: "transparent", width: 0, points: { show: false }, class: "unnamed" };
  const between = (plot, value, series, index) => value == null || index == null ? "–"
    : `${told(value, unit)} (${short(plot.data[series + 1][index])} to ${short(plot.data[series + 2][index])})`;
  return [
    { label: "forecast", stroke: colour("accent"), width: 1.5, dash: [1.5, 3], points: { show: false }, value: between },
    { ...edge, label: "low" }, { ...edge, label: "high" },
  ];
}

// Rows of the chart and rows to come in one column of times, and every other column as long.
function withForecast(columns, forecast) {
  const times = columns[0], last = times.at(-1);
  const all = [...times, ...forecast.times.filter(time => time > last)];
  const place = new Map(forecast.times.map((time, index) => [time, index]));
  const longer = columns.slice(1).map(column => [...column, ...Array(all.length - times.length).fill(null)]);
  const ahead = ["middle", "low", "high"].map(name => all.map(time => forecast[name][place.get(time)] ?? null));
  return [all, ...longer, ...ahead];
}

// Both numbers of the last step: [..., null, before, running].
function running(values) {
  const last = values.length - 1;
  return values.map((value, index) => index >= last - 1 ? value : null);
}

// [least step in s, label, and what a second line says where a year, month, day, hour, minute begins, mode].
const TIMES = [
  [31536000, "{YYYY}", null, null, null, null, null, null, 1],
  [2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
];

function axes() {
  const style = { stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
  const font = "11px system-ui, sans-serif";
  return [
    { ...style, font, grid: { show: false }, ticks: { show: true, stroke: colour("grid"), width: 1, size: 4 }, values: TIMES },
    { ...style, font, size: 56, values: (plot, ticks) => ticks.map(short) },
  ];
}

// Zero belongs on the axis where the area says how much there is, or where it is near.
function range(filled) {
  return (plot, low, high) => {
    if (low == null) return [0, 1];
    if (low === high) return low === 0 ? [0, 1] : [Math.min(low, 0), Math.max(high, 0) || 1];
    const spread = high - low;
    if (filled || (low > 0 && low <= spread)) low = Math.min(low, 0);
    if (filled || (high < 0 && -high <= spread)) high = Math.max(high, 0);
    return window.uPlot.rangeNum(low, high, { min: { pad: low === 0 ? 0 : 0.08, soft: 0, mode: 3 }, max: { pad: high === 0 ? 0 : 0.08, soft: 0, mode: 3 } });
  };
}

// Draw a figure; `zoom(from, to)` is called with Unix seconds when a range was marked. Returns what takes it down again.
export function draw(figure, zoom) {
  const data = JSON.parse(figure.dataset.chart);
  const box = figure.querySelector(".drawn");
  if (!window.uPlot || !data.times.length) return () => {};
  const lines = data.lines.map(line => line.values);
  let columns = [data.times, ...lines];
  if (data.previous) columns.push(data.previous);
  if (data.runs) {
    columns.push(...lines.map(running));
    lines.forEach((values, line) => (columns[line + 1] = [...values.slice(0, -1), null]));
  }
  const series = [{ value: (u, time) => time == null ? "–" : moment(time, data.tz) }, ...seriesOf(data)];
  if (data.forecast) columns = withForecast(columns, data.forecast);
  const bands = data.forecast ? [{ series: [series.length - 1, series.length - 2], fill: colour("accent") + "29" }] : [];
  const unusual = data.unusual ?? [], marks = marksOf(data, unusual);
  const size = () => ({ width: Math.max(Math.floor(box.clientWidth), 200), height: innerWidth < 720 ? 220 : 320 });
  const drawn = document.createElement("div");
  const plot = new window.uPlot({
    ...size(),
    tzDate: time => window.uPlot.tzDate(new Date(time * 1000), data.tz),
    scales: { x: { range: (u, low, high) => [low, Math.max(high, low + 1)] }, y: { range: range(data.filled) } },
    series, bands,
    axes: axes(),
    plugins: [notesPlugin(data.notes), unusualPlugin(unusual), marksPlugin(drawn, marks)],
    legend: { markers: { width: 2, dash: dashOf } },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
    hooks: {
      // While nothing is pointed at, the names alone say what is what.
      setCursor: [u => u.root.classList.toggle("pointing", u.cursor.idx != null)],
      setSelect: [u => {
        if (u.select.width < 8) return;
        // What is to come has no rows to look at.
        const last = data.end ?? Infinity, from = Math.floor(u.posToVal(u.select.left, "x"));
        if (from < last) zoom(from, Math.min(Math.ceil(u.posToVal(u.select.left + u.select.width, "x")), last));
      }],
    },
  }, columns, drawn);
  // Only now: where drawing fails, the SVG stays.
  box.replaceChildren(drawn);
  plot.root.setAttribute("aria-hidden", "true");
  const watcher = new ResizeObserver(() => plot.setSize(size()));
  watcher.observe(box);
  return () => { watcher.disconnect(); plot.destroy(); };
}

// What can be pointed at: [time, value or null, what it says, in lines].
function marksOf(data, unusual) {
  return [
    ...data.notes.map(([time, text]) => [time, null, moment(time, data.tz), text]),
    ...unusual.map(([time, value, at, text]) => [time, value, moment(at, data.tz), text]),
  ].sort((one, other) => one[0] - other[0]);
}

function moment(time, tz) {
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: tz }).format(new Date(time * 1000));
}

// Charts of a page, drawn again when its colours change.
export function drawAll(root, zoom) {
  let down = [];
  const again = () => {
    for (const one of down) one();
    down = [...root.querySelectorAll("figure[data-chart]")].map(figure => draw(figure, zoom));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  again();
  return again;
}
