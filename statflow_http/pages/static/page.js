// On every page: buttons that copy, forms that are sent when a choice is made, dialogs. Nothing here is needed to use it.
//   <button data-copies="ID" hidden>       copies the text of an element, and is shown only where that works
//   <select data-sends> / <input data-sends>  sends its form when it changes
//   <button data-opens="ID" hidden>        opens a <dialog>; inside it a button of <form method="dialog"> closes it

function addCopying(button) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // No clipboard without TLS on some browsers: selected, it is one key away.
      getSelection().selectAllChildren(text);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = label), 2000);
  });
}

for (const button of document.querySelectorAll("[data-copies]")) addCopying(button);

for (const input of document.querySelectorAll("[data-sends]"))
  input.addEventListener("change", () => input.form.requestSubmit());

for (const button of document.querySelectorAll("[data-opens]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}
