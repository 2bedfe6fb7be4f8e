// What the marks of a chart say: beside the one that is pointed at, or that the keyboard has reached.
//
// Why elements of their own beside the chart: a canvas cannot be reached by the keyboard, and is hidden from screen
// readers, which read the same in the lists below it. They take no mouse: dragging over them must go on to the chart.

// As far as a finger misses.
const NEAR = 12;

// marks: [time, value or null for one that has the whole height, when, text], by their times.
export function marksPlugin(box, marks) {
  const layer = document.createElement("div"), tip = document.createElement("div");
  layer.className = "marks";
  tip.className = "tip";
  tip.hidden = true;
  const spots = marks.map(mark => spotOf(mark));

  function show(plot, chosen) {
    tip.hidden = !chosen.length;
    if (tip.hidden) return;
    tip.replaceChildren(...chosen.flatMap(index => words(marks[index])));
    const { left, top } = place(plot, marks[chosen[0]]), right = box.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(Math.min(left + 10, right), 0)}px`;
    const above = top - tip.offsetHeight - 10;
    tip.style.top = `${above < 0 ? top + 12 : above}px`;
  }

  function near(plot) {
    const { left, top } = plot.cursor;
    if (left == null || left < 0) return [];
    const away = marks.map(([time]) => Math.abs(plot.valToPos(time, "x") - left));
    const nearest = Math.min(...away);
    // Several may lie on one row, or nearly; more than three nobody reads.
    return nearest > NEAR ? [] : marks.flatMap((mark, index) => away[index] <= nearest + 4 ? [index] : []).slice(0, 3);
  }

  function arrange(plot) {
    spots.forEach((spot, index) => {
      const { left, top } = place(plot, marks[index]);
      spot.style.left = `${left}px`;
      spot.style.top = `${top}px`;
    });
  }

  return {
    hooks: {
      ready: plot => {
        if (!marks.length) return;
        layer.setAttribute("role", "group");
        layer.setAttribute("aria-label", "Marks of the chart: the arrow keys go from one to the next");
        layer.append(...spots, tip);
        box.append(layer);
        spots.at(-1).tabIndex = 0;
        layer.addEventListener("focusin", event => show(plot, [spots.indexOf(event.target)]));
        layer.addEventListener("focusout", () => show(plot, []));
        layer.addEventListener("keydown", event => go(event, spots));
        arrange(plot);
      },
      setSize: arrange,
      setCursor: plot => {
        if (!layer.contains(document.activeElement)) show(plot, near(plot));
      },
    },
  };
}

function spotOf([, value, when, text]) {
  const spot = document.createElement("span");
  spot.className = value == null ? "spot note" : "spot";
  spot.tabIndex = -1;
  spot.setAttribute("role", "img");
  spot.setAttribute("aria-label", `${when}: ${text}`);
  return spot;
}

function words([, value, when, text]) {
  const moment = document.createElement("small"), said = document.createElement("p");
  moment.textContent = when;
  said.textContent = text;
  if (value != null) said.className = "alarm";
  return [moment, said];
}

// Where a mark lies in the box of the chart, in its pixels.
function place(plot, [time, value]) {
  const left = plot.over.offsetLeft + plot.valToPos(time, "x");
  return { left, top: plot.over.offsetTop + (value == null ? 8 : plot.valToPos(value, "y")) };
}

// Only one mark is reached by the tab key.
function go(event, spots) {
  const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  const here = spots.indexOf(event.target);
  if (!step || here < 0) return;
  event.preventDefault();
  const next = Math.min(Math.max(here + step, 0), spots.length - 1);
  spots[here].tabIndex = -1;
  spots[next].tabIndex = 0;
  spots[next].focus();
}
