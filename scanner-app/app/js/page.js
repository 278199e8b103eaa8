// The page's elements, and the words that index.html asks for.

import { text } from "./texts.js";

/** The element with this ID. */
export const element = (id) => document.getElementById(id);

/** An element of its own, with that text and class. */
export function made(tag, content = "", className = "") {
  const one = document.createElement(tag);
  one.textContent = content;
  if (className) one.className = className;
  return one;
}

/** Put the words of texts.js where index.html names them. */
export function fillTexts() {
  document.title = text("app.name");
  for (const one of document.querySelectorAll("[data-text]")) {
    one.textContent = text(one.dataset.text);
  }
  for (const one of document.querySelectorAll("[data-label]")) {
    one.setAttribute("aria-label", text(one.dataset.label));
  }
}

const SCREENS = ["sign-in", "place-choice", "gate"];

/** Show one of the three screens, and put the focus where one goes on. */
export function show(screen, focused) {
  for (const id of SCREENS) element(id).hidden = id !== screen;
  focused?.focus();
}

/** A switch of two states; `change` is told each new one, and refuses it with false. */
export function toggle(button, change) {
  const set = (on) => button.setAttribute("aria-pressed", String(on));
  button.addEventListener("click", async () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    set(on);
    if ((await change(on)) === false) set(!on);
  });
}
