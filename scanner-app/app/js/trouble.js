// What is said where a scan has no answer: why, and that it is kept.

import { element } from "./page.js";
import { refusal, texts } from "./texts.js";

const BUTTONS = ["try-again", "leave", "other-account"];

/** `choices` has tryAgain(), leave(), otherAccount(). */
export class TroubleView {
  #dialog = element("trouble");
  #isWanted = false;

  constructor({ tryAgain, leave, otherAccount }) {
    element("try-again").addEventListener("click", tryAgain);
    element("leave").addEventListener("click", leave);
    element("other-account").addEventListener("click", otherAccount);
    // Escape and a phone's back button must not hide a scan that still waits.
    this.#dialog.addEventListener("close", () => this.#isWanted && this.#dialog.showModal());
  }

  show(error) {
    this.#say(refusal(error), false);
    element("other-account").hidden = error.code !== "FORBIDDEN";
    this.#isWanted = true;
    if (!this.#dialog.open) this.#dialog.showModal();
    element("try-again").focus();
  }

  /** The scan is on its way again. */
  wait() {
    this.#say(texts.trouble.trying, true);
  }

  /** The focus goes to the gate: Chromium gives it back to a field that then takes no keys. */
  hide() {
    this.#isWanted = false;
    if (!this.#dialog.open) return;
    this.#dialog.close();
    element("gate-title").focus();
  }

  #say(message, isBusy) {
    element("trouble-message").textContent = message;
    for (const id of BUTTONS) element(id).disabled = isBusy;
  }
}
