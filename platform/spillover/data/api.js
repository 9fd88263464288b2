"use strict";
for (const place of document.querySelectorAll(".origin")) {
  if (location.origin.startsWith("http")) place.textContent = location.origin;
}
for (const box of document.querySelectorAll(".copyable")) {
  const text = box.querySelector("pre");
  const button = box.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    } catch {
      // Pages that came over plain HTTP from another machine may not write the clipboard: select it for the person.
      getSelection().selectAllChildren(text);
    }
  });
}
if (matchMedia("(max-width: 60rem)").matches) document.querySelector("nav details").open = false;
