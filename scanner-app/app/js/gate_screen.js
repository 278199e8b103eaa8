// The screen at the gate: codes come in by camera, hand scanner or keyboard, verdicts go out.

import { CameraView } from "./camera_view.js";
import { Counts } from "./counts.js";
import { Gate } from "./gate.js";
import { listenToHandScanner } from "./hand_scanner.js";
import { element, show, toggle } from "./page.js";
import { Scans } from "./scans.js";
import { Sounds } from "./sounds.js";
import { Kept } from "./store.js";
import { texts } from "./texts.js";
import { TroubleView } from "./trouble.js";
import { VerdictView, seat, word } from "./verdict.js";
import { keepAwake, letSleep } from "./wake_lock.js";

const RESTING_SAID_MS = 1000; // longer than from one look of the camera to the next

/** `sessionEnded` is called where one has to sign in (again); `otherAccount` where one wants to. */
export class GateScreen {
  #session;
  #leaveFor;
  #place = null;
  #last = "";
  #rested = null;
  #pending = new Kept("scan");
  #scans = new Scans(new Kept("scans"));
  #sounds = new Sounds(() => this.#sayWhetherHeard());
  #verdicts = new VerdictView(element("verdict"), this.#sounds);
  #gate;
  #trouble;
  #counts;
  #camera;

  constructor(session, { sessionEnded, otherAccount }) {
    this.#session = session;
    this.#leaveFor = { sessionEnded, otherAccount };
    const call = (...request) => this.#session.call(...request);
    this.#gate = new Gate(call, this.#pending, {
      onSending: () => this.#sending(),
      onVerdict: (verdict, scan) => this.#verdict(verdict, scan),
      onTrouble: (error) => this.#failed(error),
      onResting: () => this.#resting(),
    });
    this.#counts = new Counts((eventId) => this.#entries(eventId), (error) => this.#ended(error));
    this.#trouble = new TroubleView({
      tryAgain: () => this.#gate.send(),
      leave: () => this.#leave(),
      otherAccount,
    });
    this.#camera = new CameraView(
      () => this.#isFree,
      (codes) => this.#gate.see(codes, this.#place.hall),
    );
    this.#listen();
  }

  get hasPending() {
    return this.#gate.hasPending;
  }

  /** Begin to scan there; a scan that was kept is sent first. */
  open(place) {
    this.#place = place;
    show("gate", element("gate-title"));
    this.#status();
    this.#camera.start();
    this.#counts.start(place.event_id);
    this.#sounds.unlock();
    this.#sayWhetherHeard();
    keepAwake();
    this.#gate.send();
  }

  close() {
    this.#place = null;
    this.#camera.stop();
    this.#counts.stop();
    this.#trouble.hide();
    this.#verdicts.dismiss();
    letSleep();
  }

  /** Forget the shift. */
  clear() {
    this.#pending.clear();
    this.#scans.clear();
    this.#last = "";
  }

  #listen() {
    toggle(element("sound"), (on) => this.#sounds.switch(on));
    toggle(element("keep"), (on) => {
      this.#verdicts.keepsRefusals = on;
    });
    const take = (code) => this.#gate.take(code, this.#place.hall);
    listenToHandScanner(() => this.#isFree, take);
    element("typed-form").addEventListener("submit", (event) => {
      event.preventDefault();
      // what cannot be taken now stays, and the next code takes its place
      if (!this.#isFree) return element("typed").select();
      take(element("typed").value.trim());
      element("typed").value = "";
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#place) keepAwake();
    });
  }

  get #isFree() {
    const isBusy = this.#gate.hasPending || this.#verdicts.isShown;
    return this.#place !== null && !isBusy && !document.hidden;
  }

  #sayWhetherHeard() {
    element("sound-hint").textContent = this.#sounds.isBlocked ? texts.gate.touch : "";
  }

  #sending() {
    element("status").textContent = texts.gate.sending;
    this.#trouble.wait();
  }

  #verdict(verdict, scan) {
    this.#trouble.hide();
    this.#scans.add(verdict);
    this.#last = [word(verdict.result), seat(verdict)].filter(Boolean).join(" · ");
    this.#verdicts.show(verdict, () => {
      this.#gate.rest(scan.qr_payload);
      this.#status();
    });
  }

  #failed(error) {
    if (!this.hasPending) return; // somebody has signed out meanwhile
    element("status").textContent = "";
    if (!this.#ended(error)) this.#trouble.show(error);
  }

  // A friend with the same code gets no verdict while it stays: say why, and say it once.
  #resting() {
    clearTimeout(this.#rested);
    const { resting } = texts.gate;
    if (element("status").textContent !== resting) element("status").textContent = resting;
    this.#rested = setTimeout(() => this.#isFree && this.#status(), RESTING_SAID_MS);
  }

  #leave() {
    this.#gate.drop();
    this.#trouble.hide();
    this.#status();
  }

  #ended(error) {
    if (error.code !== "SESSION_ENDED") return false;
    this.#leaveFor.sessionEnded();
    return true;
  }

  async #entries(eventId) {
    return (await this.#session.call("GET", `/api/events/${eventId}/entries`)).data;
  }

  #status() {
    const { ready, readyAfter } = texts.gate;
    element("status").textContent = this.#last ? readyAfter(this.#last) : ready;
  }
}
