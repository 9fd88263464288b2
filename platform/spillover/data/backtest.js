"use strict";
// What a mark, or a line at this place, stands for. Without this script the tables say the same.
const tip = document.getElementById("tip");

function show(text, x, y) {
  tip.hidden = !text;
  tip.textContent = text || "";
  if (!text) return;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 4))}px`;
  tip.style.top = `${y + 18 + box.height < innerHeight ? y + 18 : y - box.height - 10}px`;
}

function nearest(svg, x, y) {
  const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
  let found = null;
  for (const line of svg.querySelectorAll("[data-tips]")) {
    const tips = line.dataset.tips.split("|");
    const points = [...line.points];
    for (let k = 0; k < points.length; k += 1) {
      const far = Math.hypot(points[k].x - at.x, (points[k].y - at.y) / 4);
      if (!found || far < found.far) found = { far, text: tips[k] };
    }
  }
  return found && found.far < 60 ? found.text : null;
}

for (const svg of document.querySelectorAll("figure svg")) {
  svg.addEventListener("pointermove", (event) => {
    const own = event.target.dataset.tip;
    show(own || nearest(svg, event.clientX, event.clientY), event.clientX, event.clientY);
  });
  svg.addEventListener("pointerleave", () => show(null));
}
