// The screen where staff sign in.

import { element, show } from "./page.js";
import { refusal, texts } from "./texts.js";

const OWN_WORDS = {
  UNAUTHORIZED: texts.session.wrong,
  VALIDATION_ERROR: texts.session.wrong,
  NOT_STAFF: texts.session.notStaff,
};

/** `done` is called once somebody has signed in. */
export class SignIn {
  #session;
  #done;
  #button = element("sign-in-form").querySelector("button");

  constructor(session, done) {
    this.#session = session;
    this.#done = done;
    element("sign-in-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** `notice` says why one is here, if not for the first time. */
  show(notice = "") {
    element("notice").textContent = notice;
    element("sign-in-error").textContent = "";
    show("sign-in", element("email").value ? element("password") : element("email"));
  }

  async #submit() {
    this.#button.disabled = true;
    element("sign-in-error").textContent = "";
    try {
      await this.#session.signIn(element("email").value, element("password").value);
      element("password").value = "";
      element("notice").textContent = "";
      this.#done();
    } catch (error) {
      element("sign-in-error").textContent = OWN_WORDS[error.code] ?? refusal(error);
    } finally {
      this.#button.disabled = false;
    }
  }
}
