// The documentation: samples as tabs, all of them in the language that was chosen last; a key that is pasted stands in
// every sample, and stays in this page: it is sent nowhere and kept nowhere.

const KEY = /^sk_(live|test)_[A-Za-z0-9]{32}$/;

function show(language) {
  for (const group of document.querySelectorAll(".samples")) {
    const tabs = [...group.querySelectorAll("[role=tab]")];
    if (!tabs.some(tab => tab.dataset.language === language)) continue;
    for (const tab of tabs) {
      const isChosen = tab.dataset.language === language;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
  }
}

function move(event, tabs) {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  if (!(event.key in steps)) return;
  const next = tabs[(tabs.indexOf(event.target) + steps[event.key] + tabs.length) % tabs.length];
  show(next.dataset.language);
  next.focus();
  event.preventDefault();
}

function addTabs(group) {
  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", "Language");
  const tabs = [...group.querySelectorAll(":scope > section")].map(panel => {
    const heading = panel.querySelector("h4");
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = heading.textContent;
    tab.id = heading.id;
    tab.dataset.language = panel.dataset.language;
    panel.id = `p-${heading.id}`;
    panel.setAttribute("role", "tabpanel");
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    // The page stays where it is: what is above may become shorter or longer.
    tab.addEventListener("click", () => {
      const before = tab.getBoundingClientRect().top;
      show(tab.dataset.language);
      scrollBy(0, tab.getBoundingClientRect().top - before);
    });
    heading.remove();
    return tab;
  });
  list.append(...tabs);
  list.addEventListener("keydown", event => move(event, tabs));
  group.prepend(list);
}

for (const group of document.querySelectorAll(".samples")) addTabs(group);
show("curl");

// A link to one language opens it.
function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (named?.getAttribute("role") === "tab") {
    show(named.dataset.language);
    named.scrollIntoView();
  }
}
addEventListener("hashchange", openNamed);
openNamed();

const paste = document.getElementById("f-paste");
if (paste) {
  paste.closest("p").hidden = false;
  const places = [...document.querySelectorAll(".your-key")];
  const placeholder = places[0]?.textContent;
  paste.addEventListener("input", () => {
    const key = paste.value.trim();
    for (const place of places) place.textContent = KEY.test(key) ? key : placeholder;
  });
}

// The contents follow what is read.
const links = new Map([...document.querySelectorAll(".docs-contents a")].map(link => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver(entries => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(entry.target.id).setAttribute("aria-current", "true");
  }
}, { rootMargin: "0px 0px -75% 0px" });
for (const id of links.keys()) watcher.observe(document.getElementById(id));
if (matchMedia("(max-width: 959px)").matches) document.querySelector(".docs-contents details").open = false;
