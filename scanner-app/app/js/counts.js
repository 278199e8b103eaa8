// How many the halls expect and have admitted, asked for every ten seconds while one can see it.

import { element, made } from "./page.js";
import { localTime, texts } from "./texts.js";

const EVERY_MS = 10_000;

/** `ask` gives an event's entries; `failed` is told of the errors that staff must act on. */
export class Counts {
  #ask;
  #failed;
  #timer = null;
  #eventId = null;
  #updatedAt = null;

  constructor(ask, failed) {
    this.#ask = ask;
    this.#failed = failed;
  }

  start(eventId) {
    this.stop();
    this.#eventId = eventId;
    this.#updatedAt = null;
    element("halls").replaceChildren();
    element("counts-age").textContent = "";
    this.#timer = setInterval(() => document.hidden || this.update(), EVERY_MS);
    this.update();
  }

  stop() {
    clearInterval(this.#timer);
    this.#eventId = null;
  }

  async update() {
    const eventId = this.#eventId;
    if (!eventId) return;
    try {
      const { halls } = await this.#ask(eventId);
      if (eventId === this.#eventId) this.#draw(halls);
    } catch (error) {
      if (eventId !== this.#eventId) return;
      const { stale, never } = texts.counts;
      const age = this.#updatedAt ? stale(localTime(this.#updatedAt)) : never;
      element("counts-age").textContent = age;
      this.#failed(error);
    }
  }

  #draw(halls) {
    this.#updatedAt = Date.now();
    element("counts-age").textContent = "";
    const lines = halls.map(({ hall_id, admitted, expected }) =>
      made("li", texts.counts.hall(hall_id, admitted, expected)),
    );
    element("halls").replaceChildren(...lines);
  }
}
