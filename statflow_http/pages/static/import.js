// The page of imports: shows how much of a file is sent, and how far an import is. Without it the form sends the file
// all the same, and the page of an import asks for itself again.

const FOLLOW_MS = 1000;

function problemIn(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const told = page.querySelector("[role=alert]:not([hidden])") ?? page.querySelector("main .lead");
  return told ? told.textContent.trim() : "";
}

function send(form, submitter) {
  const bar = form.querySelector(".upload-progress progress");
  const words = form.querySelector(".upload-words");
  const problems = form.querySelector(".problems");
  const buttons = form.querySelectorAll("button");
  const data = new FormData(form);
  if (submitter?.name) data.append(submitter.name, submitter.value);
  const request = new XMLHttpRequest();
  const end = text => {
    for (const button of buttons) button.disabled = false;
    bar.closest("p").hidden = true;
    problems.hidden = false;
    problems.className = "problems notice bad";
    problems.textContent = text;
  };
  request.upload.addEventListener("progress", event => {
    if (!event.lengthComputable) return;
    bar.max = event.total;
    bar.value = event.loaded;
    words.textContent = event.loaded < event.total ? `${Math.floor((100 * event.loaded) / event.total)} %` : "Sent; it is being read";
  });
  request.addEventListener("load", () => {
    if (request.status < 400) location.assign(request.responseURL);
    else end(problemIn(request.responseText) || "That did not work.");
  });
  request.addEventListener("error", () => end("The upload broke off. Try it again: nothing is brought twice."));
  for (const button of buttons) button.disabled = true;
  problems.hidden = true;
  bar.closest("p").hidden = false;
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "text/html");
  request.send(data);
}

for (const form of document.querySelectorAll("[data-uploads]"))
  form.addEventListener("submit", event => {
    event.preventDefault();
    send(form, event.submitter);
  });

async function follow() {
  const job = document.getElementById("job");
  if (!job || !("follows" in job.dataset)) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("job");
      // Whoever is at the button with the keyboard keeps it.
      const had = job.contains(document.activeElement);
      if (fresh) job.replaceWith(document.importNode(fresh, true));
      if (fresh && had) document.querySelector("#job button")?.focus();
    }
  } catch {
    // The server is away for a moment; the next time may do.
  }
  setTimeout(follow, FOLLOW_MS);
}

setTimeout(follow, FOLLOW_MS);
