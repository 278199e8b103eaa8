// The screen where one says at which event, and at which hall's gate, one stands.

import { request } from "./api.js";
import { element, made, show } from "./page.js";
import { localDay, refusal, texts } from "./texts.js";

/** `done` is called once a place {event_id, name, hall} is kept. */
export class PlaceChoice {
  #kept;
  #done;
  #events = [];

  constructor(kept, done) {
    this.#kept = kept;
    this.#done = done;
    element("event").addEventListener("change", () => this.#proposeHall());
    element("hall").addEventListener("input", () => this.#hint());
    element("events-again").addEventListener("click", () => this.#load());
    element("place-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  async show() {
    show("place-choice", element("event"));
    await this.#load();
  }

  async #load() {
    element("place-error").textContent = "";
    element("events-again").hidden = true;
    try {
      this.#events = await allEvents();
      this.#draw();
    } catch (error) {
      this.#failed(refusal(error));
    }
  }

  #failed(message) {
    element("place-error").textContent = message;
    element("events-again").hidden = false;
  }

  #draw() {
    const options = this.#events.map(({ event_id, name, event_date }) => {
      const option = made("option", `${name} · ${localDay(event_date)}`);
      option.value = event_id;
      return option;
    });
    element("event").replaceChildren(...options);
    element("start").disabled = options.length === 0;
    if (!options.length) return this.#failed(texts.place.noEvents);
    const before = this.#kept.get();
    const isStillThere = this.#events.some((one) => one.event_id === before?.event_id);
    element("event").value = isStillThere ? before.event_id : nearest(this.#events).event_id;
    this.#proposeHall();
    if (isStillThere) element("hall").value = before.hall;
    this.#hint();
  }

  get #chosen() {
    return this.#events.find((one) => one.event_id === element("event").value);
  }

  #proposeHall() {
    element("hall").value = this.#chosen.hall_id;
    this.#hint();
  }

  #hint() {
    if (!this.#chosen) return;
    const { hall_id: right } = this.#chosen;
    const { hint, otherHall } = texts.place;
    const isRight = element("hall").value.trim() === right;
    element("hall-hint").textContent = isRight ? hint(right) : otherHall(right);
  }

  #submit() {
    const hall = element("hall").value.trim();
    if (!this.#chosen || !hall) return;
    const { event_id, name } = this.#chosen;
    this.#kept.set({ event_id, name, hall });
    this.#done();
  }
}

async function allEvents() {
  const events = [];
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const answer = await request("GET", `/api/events?per_page=100&page=${page}`);
    events.push(...answer.data);
    pages = answer.pagination.total_pages;
  }
  return events.sort((one, other) => new Date(one.event_date) - new Date(other.event_date));
}

/** The event that begins, or began, closest to now. */
function nearest(events) {
  const distance = ({ event_date }) => Math.abs(new Date(event_date) - Date.now());
  return events.reduce((best, one) => (distance(one) < distance(best) ? one : best));
}
