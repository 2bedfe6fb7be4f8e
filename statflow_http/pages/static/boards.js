// Dashboards: shows what changed, arranges tiles by dragging or by their arrows, and tells a frame how high it is.
// Nothing here is needed: without it the arrows are forms, and the page shows what is new when it is loaded again.
import { follow } from "./live.js";

// -- What changed --

const board = document.getElementById("board");

// Which tables are open, and where the focus is, told by place: the tiles of the server take the place of the old ones.
function placeOf(element) {
  const tile = element?.closest?.(".tile");
  if (!tile) return null;
  const inside = [...tile.querySelectorAll("summary, a, [tabindex]")];
  return [[...board.children].indexOf(tile), inside.indexOf(element)];
}

function show(text) {
  const open = [...board.querySelectorAll("details")].map(details => details.open);
  const focused = board.contains(document.activeElement) ? placeOf(document.activeElement) : null;
  // Written by the server, every name in it escaped.
  board.innerHTML = text;
  board.querySelectorAll("details").forEach((details, index) => (details.open = Boolean(open[index])));
  if (focused) board.children[focused[0]]?.querySelectorAll("summary, a, [tabindex]")[focused[1]]?.focus();
}

if (board) follow(board, show);

// -- Arranging --

const list = document.getElementById("arranging");
const EDGE = 70, SCROLL = 14;

const tiles = () => [...list.querySelectorAll(":scope > .tile")];
const order = () => tiles().map(tile => tile.dataset.tile).join(" ");

function say(text) {
  document.getElementById("said").textContent = text;
}

function showEnds() {
  const all = tiles();
  all.forEach((tile, index) => {
    tile.querySelector('[value="earlier"]').disabled = index === 0;
    tile.querySelector('[value="later"]').disabled = index === all.length - 1;
  });
}

let saving = Promise.resolve();

// One after the other, so that the last order is the one that stays.
function save() {
  const fields = new URLSearchParams({ do: "arrange" });
  for (const tile of tiles()) fields.append("tile", tile.dataset.tile);
  saving = saving.then(() => send(fields));
}

async function send(fields) {
  try {
    const token = document.querySelector('meta[name="csrf"]').content;
    const answer = await fetch(list.dataset.path, {
      method: "POST", body: fields, redirect: "manual", headers: { "X-CSRF-Token": token, Accept: "application/json" },
    });
    if (!answer.ok) throw new Error(answer.status);
    list.dataset.saved = order();
  } catch {
    say("The order could not be kept. Load the page again.");
  }
}

function placed(tile) {
  showEnds();
  say(`${tile.dataset.name} is now ${tiles().indexOf(tile) + 1} of ${tiles().length}.`);
  save();
}

function moveBy(tile, button) {
  const other = button.value === "earlier" ? tile.previousElementSibling : tile.nextElementSibling;
  if (!other) return;
  bring(tile, other);
  placed(tile);
  // A tile at an end has one arrow left.
  const left = button.disabled ? tile.querySelector('.tile-bar button:not([disabled])[name="do"]') : button;
  left.focus();
  tile.scrollIntoView({ block: "nearest" });
}

// Brings the tile to the place of the one under the pointer. The others move, not the tile itself: an element that is
// taken out of the page loses the pointer that it holds, or the focus.
function bring(tile, place) {
  const all = tiles(), from = all.indexOf(tile), to = all.indexOf(place);
  if (to < from) tile.after(...all.slice(to, from));
  else tile.before(...all.slice(from + 1, to + 1));
}

function drag(handle, event) {
  if (event.button !== 0) return;
  const tile = handle.closest(".tile"), before = tiles();
  let at = [event.clientX, event.clientY], frame = 0, last = null;
  event.preventDefault();
  handle.setPointerCapture(event.pointerId);
  tile.classList.add("dragged");
  document.body.classList.add("dragging");

  // Of tiles of two sizes the other may still be under the pointer afterwards: they change places once.
  function look() {
    const over = document.elementFromPoint(...at)?.closest?.("#arranging > .tile");
    if (over && over !== tile && over !== last) bring(tile, over);
    last = over === tile ? null : over;
  }

  // Near the edges of the window the page moves along.
  function scroll() {
    const by = at[1] < EDGE ? -SCROLL : at[1] > innerHeight - EDGE ? SCROLL : 0;
    if (by) {
      scrollBy(0, by);
      look();
    }
    frame = requestAnimationFrame(scroll);
  }

  function move(moved) {
    at = [moved.clientX, moved.clientY];
    look();
  }

  function stop() {
    cancelAnimationFrame(frame);
    handle.removeEventListener("pointermove", move);
    removeEventListener("keydown", escape, true);
    tile.classList.remove("dragged");
    document.body.classList.remove("dragging");
  }

  function drop() {
    stop();
    if (order() !== before.map(each => each.dataset.tile).join(" ")) placed(tile);
  }

  function cancel() {
    stop();
    list.append(...before);
    showEnds();
  }

  function escape(pressed) {
    if (pressed.key !== "Escape") return;
    handle.removeEventListener("pointerup", drop);
    cancel();
  }

  handle.addEventListener("pointermove", move);
  handle.addEventListener("pointerup", drop, { once: true });
  handle.addEventListener("pointercancel", cancel, { once: true });
  addEventListener("keydown", escape, true);
  frame = requestAnimationFrame(scroll);
}

if (list) {
  for (const handle of list.querySelectorAll(".handle")) {
    handle.hidden = false;
    handle.addEventListener("pointerdown", event => drag(handle, event));
  }
  list.addEventListener("click", event => {
    const button = event.target.closest('button[name="do"]');
    if (button?.value !== "earlier" && button?.value !== "later") return;
    event.preventDefault();
    moveBy(button.closest(".tile"), button);
  });
}

// -- In a frame --

// The page around is told the height, and nothing else, so that its frame may be as high.
if (document.body.hasAttribute("data-framed") && parent !== window) {
  new ResizeObserver(() => {
    parent.postMessage({ statflowHeight: Math.ceil(document.querySelector("main").getBoundingClientRect().height) }, "*");
  }).observe(document.querySelector("main"));
}
