// The camera's part of the gate's screen: starting it, saying why not, and looking for codes.

import { Camera, CameraError } from "./camera.js";
import { Decoder } from "./decoder.js";
import { element, toggle } from "./page.js";
import { texts } from "./texts.js";

const BETWEEN_LOOKS_MS = 60;
const SECURE_PAGE = `https://${location.hostname}:8443/scanner/`;

/** Calls `seen` with the codes in front of the camera, if any, while `isLooking()`. */
export class CameraView {
  #isLooking;
  #seen;
  #camera = new Camera(element("video"), () => this.#trouble("lost"));
  #decoder = null;
  #run = 0; // raised by each start and stop: what an earlier one began ends itself
  #started = Promise.resolve();

  constructor(isLooking, seen) {
    this.#isLooking = isLooking;
    this.#seen = seen;
    toggle(element("torch"), (on) => this.#camera.setTorch(on));
    element("camera-again").addEventListener("click", () => this.start());
    document.addEventListener("visibilitychange", () => {
      if (!this.#isWanted) return;
      if (document.hidden) this.#camera.stop(); // nobody would see the verdicts
      else if (!this.#camera.isOn) this.start();
    });
  }

  /** One start after the other, so that none is left running behind another's back. */
  start() {
    const run = this.#next(true);
    this.#started = this.#started.then(() => run === this.#run && this.#start(run));
    return this.#started;
  }

  stop() {
    this.#next(false);
    this.#camera.stop();
    this.#decoder?.close();
    this.#decoder = null;
  }

  get #isWanted() {
    return this.#run % 2 === 1;
  }

  // odd while the camera is wanted
  #next(isWanted) {
    this.#run += this.#run % 2 === Number(isWanted) ? 2 : 1;
    return this.#run;
  }

  async #start(run) {
    this.#show("");
    try {
      await this.#camera.start();
    } catch (error) {
      if (!(error instanceof CameraError)) throw error;
      if (run === this.#run) this.#trouble(error.message);
      return;
    }
    if (run !== this.#run || document.hidden) return this.#camera.stop();
    element("torch").hidden = !this.#camera.hasTorch;
    element("torch").setAttribute("aria-pressed", "false");
    this.#look(run);
  }

  async #look(run) {
    this.#decoder ??= new Decoder();
    while (run === this.#run) {
      const picture = this.#isLooking() ? this.#camera.picture() : null;
      try {
        const codes = picture ? await this.#decoder.read(picture) : [];
        if (codes.length && run === this.#run && this.#isLooking()) this.#seen(codes);
      } catch {
        if (run === this.#run) this.#trouble("decoder");
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
    }
  }

  #trouble(why) {
    this.stop();
    const reason = texts.camera[why];
    const said = typeof reason === "function" ? reason(SECURE_PAGE) : reason;
    this.#show(`${said} ${texts.camera.otherwise}`);
  }

  #show(message) {
    element("camera-message").textContent = message;
    element("camera-trouble").hidden = !message;
    element("video").hidden = Boolean(message);
    element("torch").hidden = true;
  }
}
