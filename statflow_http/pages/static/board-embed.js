/* A dashboard of StatFlow on any page: <script async src="https://stats.example/embed/dashboard/TOKEN"></script>
 *
 * data-theme    light or dark; else as its reader prefers
 * data-period   hour, day, week, month, quarter or year; else as its tiles are set
 *
 * Puts a frame where the script stands, as high as the dashboard. The page needs our host in script-src and frame-src.
 */
(function () {
  "use strict";
  var script = document.currentScript;
  if (!script || !script.parentNode) return;
  var address = new URL(script.src);
  address.pathname = address.pathname.replace(/\/embed\/dashboard\/([^/]+)$/, "/shared/$1/embed");
  address.search = "";
  ["theme", "period"].forEach(function (name) {
    if (script.dataset[name]) address.searchParams.set(name, script.dataset[name]);
  });
  var frame = document.createElement("iframe");
  frame.src = address.href;
  frame.title = "Dashboard";
  frame.loading = "lazy";
  frame.style.cssText = "display:block;width:100%;height:480px;border:0";
  window.addEventListener("message", function (event) {
    var height = event.data && event.data.statflowHeight;
    if (event.source !== frame.contentWindow || event.origin !== address.origin) return;
    if (typeof height === "number" && height > 0 && height < 20000) frame.style.height = height + "px";
  });
  script.parentNode.insertBefore(frame, script);
})();
