// One scan at a time, from the code that was read to its verdict.

import { ApiError } from "./api.js";

const SAME_CODE_REST_MS = 3000;

/**
 * Sends scans and keeps the one without an answer, over reloads too: asked again it carries the
 * same scan_id, so that nothing is counted twice.
 *
 * `call` asks the API; `told` has onSending(), onVerdict(verdict, scan), onTrouble(error), and
 * onResting() where a code is seen that has had its verdict.
 */
export class Gate {
  #call;
  #pending;
  #told;
  #sending = null; // the scan_id on its way
  #rests = new Map(); // code: until when

  constructor(call, pending, told) {
    this.#call = call;
    this.#pending = pending;
    this.#told = told;
  }

  get hasPending() {
    return this.#pending.get() !== null;
  }

  /** A code that a person meant to be checked; ignored while another is. */
  async take(code, hall) {
    if (this.hasPending || !code) return;
    this.#pending.set({ scan_id: newId(), qr_payload: sendable(code), hall_id: hall });
    await this.send();
  }

  /**
   * The codes in front of the camera: the first that is new is taken. One that had its verdict
   * rests until it was gone for 3 s, and keeps none beside it from being taken.
   */
  async see(codes, hall) {
    const seen = codes.map(sendable);
    const fresh = seen.filter((code) => !(this.#rests.get(code) > Date.now()));
    for (const code of seen) if (!fresh.includes(code)) this.rest(code);
    if (fresh.length) await this.take(fresh[0], hall);
    else this.#told.onResting();
  }

  /** Begin a code's rest anew: it is still there, or its verdict was. */
  rest(code) {
    const now = Date.now();
    for (const [one, until] of this.#rests) if (until <= now) this.#rests.delete(one);
    this.#rests.set(code, now + SAME_CODE_REST_MS);
  }

  /** Ask for the verdict of the kept scan. */
  async send() {
    const scan = this.#pending.get();
    if (!scan || this.#sending === scan.scan_id) return;
    this.#sending = scan.scan_id;
    this.#told.onSending();
    try {
      const verdict = await this.#verdict(scan);
      if (!this.#isAwaited(scan)) return;
      this.#settled(scan);
      this.#told.onVerdict(verdict, scan);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.#isAwaited(scan)) this.#told.onTrouble(error);
    } finally {
      if (this.#sending === scan.scan_id) this.#sending = null;
    }
  }

  /** Give the kept scan up. */
  drop() {
    const scan = this.#pending.get();
    if (scan) this.#settled(scan);
  }

  async #verdict(scan) {
    try {
      return (await this.#call("POST", "/api/verify", scan)).data;
    } catch (error) {
      if (error.code === "QR_INVALID") return { result: "QR_INVALID" };
      throw error;
    }
  }

  // Nobody waits for it any more once somebody has signed out; the next guest's scan is another.
  #isAwaited(scan) {
    return this.#pending.get()?.scan_id === scan.scan_id;
  }

  #settled(scan) {
    this.#pending.clear();
    this.rest(scan.qr_payload);
  }
}

/** What the API takes as text: no ticket of ours has what is replaced here. */
function sendable(code) {
  return code.replace(/\0|\p{Surrogate}/gu, "\uFFFD");
}

/** A UUID; randomUUID is not there where the page is not a secure context. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
