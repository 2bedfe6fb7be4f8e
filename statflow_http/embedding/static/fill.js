function (figure, looks, colours, isFixed) {
  "use strict";
  var SVG = "http://www.w3.org/2000/svg", PREFIX = "--statflow-";
  var script = document.currentScript;
  if (!script) return;
  var box = script.statflowBox;
  if (!box) {
    // Without embed.js, the box is where the script stands.
    box = script.statflowBox = document.createElement("div");
    script.parentNode.insertBefore(box, script);
  }

  function build(tree, namespace) {
    if (typeof tree === "string") return document.createTextNode(tree);
    if (tree[0] === "svg") namespace = SVG;
    var element = namespace ? document.createElementNS(namespace, tree[0]) : document.createElement(tree[0]);
    var i, attributes = tree[1];
    for (i = 0; i < attributes.length; i += 2) {
      element.setAttribute(attributes[i], attributes[i + 1]);
      if (attributes[i] === "class") dress(element, attributes[i + 1]);
    }
    for (i = 2; i < tree.length; i++) element.appendChild(build(tree[i], namespace));
    return element;
  }

  function dress(element, classes) {
    var declarations = classes.split(" ").map(function (name) { return looks[name] || ""; });
    element.style.cssText = declarations.join(";");
  }

  // 0 for black to 255 for white, of a colour as browsers report it.
  function lightness(colour) {
    var n = (colour.match(/[\d.]+/g) || [0, 0, 0]).map(Number);
    if (/^(ok)?l(ab|ch)/.test(colour)) return n[0] * (/^ok/.test(colour) ? 255 : 2.55);
    return (0.3 * n[0] + 0.59 * n[1] + 0.11 * n[2]) * (/^color/.test(colour) ? 255 : 1);
  }

  // A page whose text is light is dark, whatever its reader prefers. What the page itself has set is left alone.
  function paint() {
    var role, computed = getComputedStyle(box);
    for (role in colours) box.style.removeProperty(PREFIX + role);
    if (isFixed) box.style.color = colours.ink;
    else if (lightness(computed.color) < 140) return;
    for (role in colours) {
      if (isFixed || !computed.getPropertyValue(PREFIX + role)) box.style.setProperty(PREFIX + role, colours[role]);
    }
  }

  var filled = build(figure, "");
  while (box.firstChild) box.removeChild(box.firstChild);
  box.appendChild(filled);
  // Words and small lines stand in the text around them.
  box.style.display = /statflow-(text|word)/.test(filled.getAttribute("class")) ? "inline" : "";
  if (!box.statflowPaint && window.matchMedia) {
    var preference = matchMedia("(prefers-color-scheme: dark)");
    if (preference.addEventListener) preference.addEventListener("change", function () { box.statflowPaint(); });
  }
  box.statflowPaint = paint;
  paint();
}
