// The full-screen verdict: colour, shape, word, sound, and a shake of the phone.

import { wasBegunBefore } from "./hand_scanner.js";
import { made } from "./page.js";
import { localTime, texts } from "./texts.js";

// The tone says what to do: it has the colour (app.css) and the sound (sounds.js).
const LOOKS = {
  SUCCESS: { tone: "go", shape: "tick" },
  DUPLICATE: { tone: "stop", shape: "twice" },
  WRONG_HALL: { tone: "elsewhere", shape: "arrow" },
  EXPIRED: { tone: "again", shape: "hourglass" },
  UNPAID: { tone: "stop", shape: "coin" },
  NOT_OWNER: { tone: "stop", shape: "person" },
  NOT_FOUND: { tone: "stop", shape: "question" },
  QR_INVALID: { tone: "none", shape: "cross" },
};
const UNKNOWN = { tone: "stop", shape: "cross" };
const SHOWN_MS = { SUCCESS: 1200, other: 1600 };
const SHAKE_MS = { go: [80], other: [200, 100, 200] };
const MODIFIERS = ["Shift", "Control", "Alt", "Meta", "CapsLock"];
const ACTIVATES = ["Enter", " "];

/** The word for a result. */
export const word = (result) => texts.verdict[result] ?? texts.verdict.other;

/** Row and seat, where the verdict knows them. */
export function seat({ row_number: row, seat_number: number }) {
  return row == null ? "" : texts.verdict.seat(row, number);
}

/** Shows verdicts over everything; each goes by itself, and at once with a tap or a key. */
export class VerdictView {
  #place;
  #sounds;
  #timer = null;
  #gone = null;
  #shownAt = 0;
  keepsRefusals = false;

  constructor(place, sounds) {
    this.#place = place;
    this.#sounds = sounds;
    place.addEventListener("click", () => this.dismiss());
    // before everybody else: the key that ends a verdict presses no button behind it
    document.addEventListener("keydown", (event) => this.#key(event), { capture: true });
  }

  get isShown() {
    return this.#gone !== null;
  }

  /** Show one; `gone` is called when it has gone. */
  show(verdict, gone) {
    const { tone, shape } = LOOKS[verdict.result] ?? UNKNOWN;
    this.#gone = gone;
    this.#shownAt = performance.now();
    this.#place.dataset.tone = tone;
    this.#place.dataset.result = verdict.result;
    this.#place.replaceChildren(drawing(shape), told(verdict));
    this.#sounds.play(tone);
    navigator.vibrate?.(SHAKE_MS[tone] ?? SHAKE_MS.other);
    if (this.keepsRefusals && tone !== "go") return;
    const shown = SHOWN_MS[verdict.result] ?? SHOWN_MS.other;
    this.#timer = setTimeout(() => this.dismiss(), shown);
  }

  dismiss() {
    if (!this.isShown) return;
    clearTimeout(this.#timer);
    this.#place.replaceChildren();
    const gone = this.#gone;
    this.#gone = null;
    gone();
  }

  #key(event) {
    if (!this.isShown || MODIFIERS.includes(event.key)) return;
    // the rest of what a hand scanner was typing when the verdict came: nobody has seen it yet
    if (wasBegunBefore(this.#shownAt)) return;
    if (ACTIVATES.includes(event.key)) event.preventDefault();
    this.dismiss();
  }
}

function drawing(shape) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#shape-${shape}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

function told(verdict) {
  const box = made("div", "", "told");
  box.append(made("p", word(verdict.result), "word"));
  if (seat(verdict)) box.append(made("p", seat(verdict), "seat"));
  for (const line of details(verdict)) box.append(made("p", line, "detail"));
  return box;
}

function details({ result, owner_name: name, scanned_at: at, expected_hall: hall }) {
  const about = {
    DUPLICATE: at && texts.verdict.firstEntry(localTime(at)),
    WRONG_HALL: hall && texts.verdict.rightHall(hall),
  };
  return [about[result] ?? texts.verdict.details[result], name].filter(Boolean);
}
