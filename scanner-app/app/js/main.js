// Which screen comes when: sign in, say where one stands, scan.

import { GateScreen } from "./gate_screen.js";
import { element, fillTexts } from "./page.js";
import { PlaceChoice } from "./place_choice.js";
import { Session } from "./session.js";
import { SignIn } from "./sign_in.js";
import { Kept } from "./store.js";
import { texts } from "./texts.js";

fillTexts();

const place = new Kept("place");
const session = new Session(new Kept("session"));
const signIn = new SignIn(session, goOn);
const placeChoice = new PlaceChoice(place, goOn);
const gate = new GateScreen(session, { sessionEnded: signInAgain, otherAccount });

/** The screen that comes next, by what is known already. */
function goOn() {
  const where = place.get();
  const isOpen = session.isOpen;
  element("sign-out").hidden = !isOpen;
  element("change-place").hidden = element("place").hidden = !(isOpen && where);
  if (!isOpen) return signIn.show();
  if (!where) return placeChoice.show();
  element("place").textContent = texts.place.at(where.name, where.hall);
  gate.open(where);
}

/** The session has ended by itself: what was begun is kept for the next one. */
function signInAgain() {
  gate.close();
  goOn();
  signIn.show(gate.hasPending ? texts.session.endedWithScan : texts.session.ended);
}

async function otherAccount() {
  await session.signOut();
  signInAgain();
}

element("change-place").addEventListener("click", () => {
  gate.close();
  element("change-place").hidden = element("place").hidden = true;
  placeChoice.show();
});

element("sign-out").addEventListener("click", async () => {
  gate.close();
  gate.clear();
  place.clear();
  await session.signOut();
  goOn();
});

goOn();

// Without it the app runs all the same, only not offline; a browser refuses it on an untrusted
// certificate.
navigator.serviceWorker?.register("sw.js").catch(() => {});
