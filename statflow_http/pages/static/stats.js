// The list of stats: searches while one types, shows what changed, remembers what was ticked.
import { follow } from "./live.js";

const MAX = 3, TYPING_MS = 200;
const results = document.getElementById("results");
const search = document.getElementById("search");
const ticked = new Set();

const boxes = () => [...results.querySelectorAll('input[name="s"]')];

function showTicked() {
  for (const box of boxes()) {
    box.checked = ticked.has(box.value);
    box.disabled = !box.checked && ticked.size >= MAX;
  }
  const button = document.getElementById("compare");
  if (button) button.disabled = ticked.size < 1;
}

function show(text) {
  // The first point has come: the whole page is another one.
  if (!search) return location.assign(results.dataset.live);
  const focused = document.activeElement?.closest?.("#results a, #results input");
  const again = focused && (focused.href ? `a[href="${CSS.escape(focused.getAttribute("href"))}"]` : `input[value="${CSS.escape(focused.value)}"]`);
  // Written by the server, every name in it escaped.
  results.innerHTML = text;
  showTicked();
  if (again) results.querySelector(again)?.focus();
}

const ask = follow(results, show);

results.addEventListener("change", event => {
  if (event.target.name !== "s") return;
  if (event.target.checked) ticked.add(event.target.value);
  else ticked.delete(event.target.value);
  showTicked();
});
for (const box of boxes()) if (box.checked) ticked.add(box.value);
showTicked();

function addressOf(form) {
  const fields = [...new FormData(form)].filter(([, value]) => value !== "");
  const query = new URLSearchParams(fields).toString();
  return form.getAttribute("action") + (query ? `?${query}` : "");
}

if (search) {
  let timer = 0;
  const input = search.elements.q;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const address = addressOf(search);
      history.replaceState(null, "", address);
      ask(address);
    }, TYPING_MS);
  });
} else {
  document.getElementById("waiting").hidden = false;
}
