// Shows what changed, while somebody looks.
//
// Why it asks every two seconds, instead of holding a connection open: nearly every answer is 204 without a body and
// costs the server a tenth of a millisecond, where each open connection would hold one of its few threads. A tab that
// nobody sees asks nothing, and asks at once when it is seen again.

const EVERY_MS = 2000, AT_MOST_MS = 30000;

// element.dataset.live: what to ask; element.dataset.revision: what it shows. `show(text)` is given what came instead.
export function follow(element, show) {
  let timer = 0, wait = EVERY_MS, asking = null;

  async function ask() {
    const address = element.dataset.live;
    asking = new AbortController();
    try {
      const answer = await fetch(address, {
        headers: { "X-Revision": element.dataset.revision, Accept: "text/html" }, signal: asking.signal,
      });
      // Signed out meanwhile: the next click leads to the form.
      if (answer.redirected) return;
      if (!answer.ok) throw new Error(answer.status);
      const revision = answer.headers.get("X-Revision");
      const text = answer.status === 204 ? "" : await answer.text();
      if (address === element.dataset.live) {
        if (revision) element.dataset.revision = revision;
        if (text) show(text);
      }
      wait = EVERY_MS;
    } catch (error) {
      if (error.name === "AbortError") return;
      wait = Math.min(wait * 2, AT_MOST_MS);
    }
    later();
  }

  function later() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(ask, wait);
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) ask();
  });
  later();

  // Ask for something else, at once.
  return address => {
    clearTimeout(timer);
    asking?.abort();
    element.dataset.live = address;
    element.dataset.revision = "";
    return ask();
  };
}
