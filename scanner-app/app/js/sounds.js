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

/** Plays tunes; silent until `unlock` is called from a tap or a key, as browsers demand. */
export class Sounds {
  #context = null;
  isOn = true;

  unlock() {
    const Context = window.AudioContext ?? window.webkitAudioContext;
    if (!Context) return;
    this.#context ??= new Context();
    this.#context.resume();
  }

  play(tune) {
    if (!this.isOn || !this.#context) return;
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
