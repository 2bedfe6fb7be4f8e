// The form of an alert: shows only the fields that the chosen kind has, and says in a sentence what will be watched.

function chosen(form, name) {
  const field = form.elements[name];
  if (!field) return "";
  return field.tagName === "SELECT" ? field.selectedOptions[0].textContent : field.value.trim();
}

function sentenceOf(form) {
  const stat = form.dataset.sentence || chosen(form, "stat") || "the stat";
  const kind = form.elements.kind.value;
  const window = chosen(form, "time_window");
  if (kind === "data") return `Tell me when nothing is received of ${stat} in ${window}.`;
  const operator = form.elements.operator.value;
  if (kind === "value") return `Tell me when ${stat} is ${operator} ${chosen(form, "threshold") || "…"} over ${window}.`;
  const verb = { "greater than": "rises by more than", "less than": "falls by more than" }[operator] || "changes by more than";
  return `Tell me when ${stat} ${verb} ${chosen(form, "percentage") || "…"} % over ${window}, against ${chosen(form, "time_delta")}.`;
}

function update(form) {
  const kind = form.elements.kind.value;
  for (const field of form.querySelectorAll("[data-for]")) field.hidden = !field.dataset.for.split(" ").includes(kind);
  const different = form.elements.operator.querySelector("[value='different than']");
  different.hidden = different.disabled = kind !== "delta";
  if (different.disabled && form.elements.operator.value === "different than") form.elements.operator.value = "greater than";
  const sentence = form.querySelector(".sentence");
  sentence.hidden = false;
  sentence.textContent = sentenceOf(form);
}

for (const form of document.querySelectorAll("[data-sentence]")) {
  form.addEventListener("input", () => update(form));
  update(form);
}
