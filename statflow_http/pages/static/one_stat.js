// One stat, or several beside each other: the chart drawn by uPlot, zoomed by dragging, and shown anew as points arrive.
import { drawAll } from "./chart.js";
import { follow } from "./live.js";

const view = document.getElementById("view");

function zoom(from, to) {
  const address = new URL(location.href);
  for (const name of ["period", "step"]) address.searchParams.delete(name);
  address.searchParams.set("from", from);
  address.searchParams.set("to", to);
  location.assign(address);
}

function showHints() {
  for (const hint of view.querySelectorAll(".zoom-hint")) hint.hidden = !window.uPlot;
}

// Nothing is chosen to be compared yet: there is nothing to draw.
if (view) {
  const drawAgain = drawAll(view, zoom);
  showHints();
  follow(view, text => {
    const isOpen = view.querySelector("#numbers")?.open;
    // Whoever reads the marks by the keyboard stays where they are.
    const mark = view.querySelector(".spot:focus")?.getAttribute("aria-label");
    // Written by the server, every name in it escaped.
    view.innerHTML = text;
    if (isOpen) view.querySelector("#numbers").open = true;
    drawAgain();
    showHints();
    // uPlot is ready a moment later, and the marks with it.
    const isOne = spot => spot.getAttribute("aria-label") === mark;
    if (mark) setTimeout(() => [...view.querySelectorAll(".spot")].find(isOne)?.focus());
  });
}
