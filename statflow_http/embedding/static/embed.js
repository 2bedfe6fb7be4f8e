/* StatFlow: charts of stats on any page, with the face that StatHat's embed.js had.
 *
 *   StatHatEmbed.render({s1: "aaab", w: 760, h: 235});
 *
 * s1, s2, s3   stat ids of public stats, or embed keys
 * kind         graph, histogram, data, table, text
 * style        fill, mini, spark
 * tf           day, week, half_compare, week_compare, month, year
 * w, h         pixels; without w as wide as there is room, and never wider
 * title, theme (light or dark), tz
 * refresh      seconds after which it is shown anew
 * el           the element, or its id, in which it is shown, in place of where render is called
 */
(function () {
  "use strict";
  var NAMES = ["w", "h", "tf", "style", "title", "theme", "tz", "refresh", "at"];
  var WIDTH_MIN = 40, WIDTH_MAX = 2000, SHRUNK_MIN = 160, CHANGE_MIN = 16, PAUSE_MS = 250;
  var own = document.currentScript, policy = null;
  var base = own ? own.src.replace(/\/javascripts\/embed\.js.*$/, "") : "";

  // "at" is no parameter: another address every so often, for a browser would show again what it has.
  function address(options, width, at) {
    var values = Object.assign({}, options, {w: width, at: at});
    var stats = [options.s1, options.s2, options.s3].filter(Boolean).map(encodeURIComponent);
    var query = NAMES.filter(function (name) { return values[name]; }).map(function (name) {
      return name + "=" + encodeURIComponent(values[name]);
    });
    return base + "/embed/" + encodeURIComponent(options.kind || "graph") + "/" + stats.join("/") +
      (query.length ? "?" + query.join("&") : "");
  }

  // Pages that require trusted types let strings become addresses of scripts only by a policy, if they let us have one.
  function trusted(text) {
    try {
      policy = policy || trustedTypes.createPolicy("statflow-embed", {createScriptURL: String});
      return policy.createScriptURL(text);
    } catch (error) {
      return text;
    }
  }

  // A hidden div where the page called us; where that is unknown, at the end of the page.
  function place(options, caller) {
    var box = document.createElement("div");
    var element = typeof options.el === "string" ? document.getElementById(options.el) : options.el;
    if (element) element.appendChild(box);
    else if (caller && caller.parentNode && document.body && document.body.contains(caller)) {
      caller.parentNode.insertBefore(box, caller);
    } else document.body.appendChild(box);
    return box;
  }

  function room(box) {
    var hidden = box.style.display;
    box.style.display = "";
    var width = Math.floor(box.clientWidth);
    box.style.display = hidden;
    return width ? Math.min(Math.max(width, WIDTH_MIN), WIDTH_MAX) : 0;
  }

  // Tables and words take the room they need, small pictures have a size of their own.
  function isWide(options) {
    return /^(graph|histogram)?$/.test(options.kind || "") && /^(fill)?$/.test(options.style || "");
  }

  // As wide as was asked for; as wide as the room, where that is not said, or where the room is less, as on a phone.
  function fitting(box, options) {
    if (!isWide(options)) return options.w;
    var width = room(box);
    if (!options.w) return width;
    return width >= SHRUNK_MIN ? Math.min(width, options.w) : options.w;
  }

  function load(box, options, at) {
    var script = document.createElement("script");
    box.statflowWidth = fitting(box, options);
    script.statflowBox = box;
    script.async = true;
    script.onload = script.onerror = function () { script.remove(); };
    script.src = trusted(address(options, box.statflowWidth, at));
    box.parentNode.insertBefore(script, box.nextSibling);
  }

  function follow(box, options) {
    var waiting = 0;
    if (!isWide(options) || typeof ResizeObserver === "undefined") return;
    new ResizeObserver(function () {
      clearTimeout(waiting);
      waiting = setTimeout(function () {
        if (box.isConnected && Math.abs(fitting(box, options) - box.statflowWidth) >= CHANGE_MIN) load(box, options);
      }, PAUSE_MS);
    }).observe(box);
  }

  function start(options, caller) {
    var box = place(options, caller);
    box.style.display = "none";
    load(box, options);
    follow(box, options);
    if (options.refresh) repeat(box, options, Math.max(Number(options.refresh) || 60, 10) * 1000);
  }

  function repeat(box, options, everyMs) {
    var timer = setInterval(function () {
      if (!box.isConnected) clearInterval(timer);
      // The same address for all readers of that moment, so that a proxy asks but once.
      else if (!document.hidden) load(box, options, Math.floor(Date.now() / everyMs));
    }, everyMs);
  }

  window.StatHatEmbed = {
    render: function (options) {
      var caller = document.currentScript;
      if (!options || !options.s1) return console.error("StatHatEmbed.render: s1 is missing");
      if (document.body) start(options, caller);
      else document.addEventListener("DOMContentLoaded", function () { start(options, null); });
    }
  };
})();
