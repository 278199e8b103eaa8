// Tones made by the device itself: each verdict's tone sounds like no other.

// [Hz, begins after s, lasts s]
const TUNES = {
  go: [[660, 0, 0.12], [990, 0.12, 0.22]],
  elsewhere: [[880, 0, 0.15], [440, 0.18, 0.15], [880, 0.36, 0.15]],
  again: [[520, 0, 0.14], [520, 0.24, 0.14]],
  stop: [[170, 0, 0.5]],
  none: [[240, 0, 0.1], [200, 0.13, 0.1], [160, 0.26, 0.3]],
};
const LOUDNESS = 0.4;
// What browsers take as a touch of the page, whatever one touches it with.
const TOUCHES = ["pointerdown", "pointerup", "click", "keydown"];

/** Plays tunes, where the browser lets it: most do so only once the page was touched. */
export class Sounds {
  #context = null;
  #changed;
  #isOn = true;

  /** `changed` is called when `isBlocked` may be another. */
  constructor(changed) {
    this.#changed = changed;
    for (const touch of TOUCHES) document.addEventListener(touch, () => this.unlock());
  }

  /** Whether sound is wanted and the browser plays none. */
  get isBlocked() {
    return this.#isOn && this.#context !== null && !this.#isRunning;
  }

  get #isRunning() {
    return this.#context?.state === "running";
  }

  /** Ask the browser to let it play. */
  unlock() {
    const Context = window.AudioContext ?? window.webkitAudioContext;
    if (!Context) return;
    if (!this.#context) {
      this.#context = new Context();
      this.#context.addEventListener("statechange", this.#changed);
    }
    if (!this.#isRunning) this.#context.resume().catch(() => {});
  }

  switch(on) {
    this.#isOn = on;
    this.#changed();
  }

  play(tune) {
    // tones of a context that stands still would all be heard at once when it goes on
    if (!this.#isOn || !this.#isRunning) return;
    const now = this.#context.currentTime;
    for (const [hertz, after, lasts] of TUNES[tune]) {
      this.#tone(hertz, now + after, now + after + lasts);
    }
  }

  #tone(hertz, begin, end) {
    const oscillator = this.#context.createOscillator();
    const volume = this.#context.createGain();
    oscillator.type = "square";
    oscillator.frequency.value = hertz;
    volume.gain.setValueAtTime(LOUDNESS, begin);
    volume.gain.linearRampToValueAtTime(0, end);
    oscillator.connect(volume).connect(this.#context.destination);
    oscillator.start(begin);
    oscillator.stop(end);
  }
}
