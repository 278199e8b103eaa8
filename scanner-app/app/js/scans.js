// The last scans of this device and their counts; no names and no codes are kept.

import { element, made } from "./page.js";
import { localTime, texts } from "./texts.js";
import { seat, word } from "./verdict.js";

const MOST = 50;
const NONE = { admitted: 0, refused: 0, latest: [] };

/** The list on the page, over reloads. */
export class Scans {
  #kept;

  constructor(kept) {
    this.#kept = kept;
    this.#draw();
  }

  add(verdict) {
    const { admitted, refused, latest } = this.#kept.get() ?? NONE;
    const one = { at: Date.now(), result: verdict.result, seat: seat(verdict) };
    const isIn = verdict.result === "SUCCESS";
    this.#kept.set({
      admitted: admitted + (isIn ? 1 : 0),
      refused: refused + (isIn ? 0 : 1),
      latest: [one, ...latest].slice(0, MOST),
    });
    this.#draw();
  }

  clear() {
    this.#kept.clear();
    this.#draw();
  }

  #draw() {
    const { admitted, refused, latest } = this.#kept.get() ?? NONE;
    element("device-counts").textContent = texts.counts.device(admitted, refused);
    element("no-scans").hidden = latest.length > 0;
    element("scans").replaceChildren(...latest.map(row));
  }
}

function row({ at, result, seat: where }) {
  const item = made("li");
  const time = made("time", localTime(at));
  time.dateTime = new Date(at).toISOString();
  item.append(time, made("b", word(result)), made("span", where));
  return item;
}
