"use strict";
// Comfort on top: everything can be read without this. Values under the pointer, light or dark, all tables at once.
(() => {
  const make = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const tools = document.createElement("div");
  tools.className = "tools";
  const theme = make("button", "");
  const isDark = () => (document.documentElement.dataset.theme
    || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => { theme.textContent = isDark() ? "Light colours" : "Dark colours"; };
  theme.type = "button";
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  label();
  tools.append(theme);
  const details = [...document.querySelectorAll("details")];
  if (details.length) {
    const all = make("button", "Show all tables");
    all.type = "button";
    all.addEventListener("click", () => {
      const open = details.some((item) => !item.open);
      details.forEach((item) => { item.open = open; });
      all.textContent = open ? "Hide tables behind plots" : "Show all tables";
    });
    tools.append(all);
  }
  document.querySelector("header").append(tools);

  const tip = make("div", "");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  const words = (place) => {
    const title = place.querySelector(":scope > title");
    if (title) { place.dataset.tip = title.textContent; title.remove(); }
    return place.dataset.tip || "";
  };
  document.addEventListener("pointermove", (event) => {
    const place = event.target instanceof Element ? event.target.closest(".tip") : null;
    tip.hidden = !place;
    if (!place) { return; }
    tip.textContent = words(place);
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const above = event.clientY - box.height - 12;
    tip.style.left = `${Math.max(left, 8)}px`;
    tip.style.top = `${above < 8 ? event.clientY + 18 : above}px`;
  });
})();
