// The camera: its stream on the page, its pictures for the decoder, its light.

const WANTED = {
  audio: false,
  video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
};
const LONGEST_SIDE = 960; // pixels; a ticket's code needs no more, and a phone has to keep up
const WHY = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
};

/** Why there is no picture: insecure, refused, missing, busy. */
export class CameraError extends Error {}

/** `lost` is called when a running camera stops by itself. */
export class Camera {
  #video;
  #lost;
  #stream = null;
  #canvas = document.createElement("canvas");

  constructor(video, lost) {
    this.#video = video;
    this.#lost = lost;
  }

  /** Throws CameraError. */
  async start() {
    this.stop();
    if (!navigator.mediaDevices?.getUserMedia) throw new CameraError("insecure");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia(WANTED);
    } catch (error) {
      throw new CameraError(WHY[error.name] ?? "busy");
    }
    this.#track.addEventListener("ended", this.#lost);
    this.#video.srcObject = this.#stream;
    await this.#video.play().catch(() => {}); // a page that is hidden meanwhile plays later
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) {
      track.removeEventListener("ended", this.#lost);
      track.stop();
    }
    this.#stream = null;
    this.#video.srcObject = null;
  }

  get isOn() {
    return this.#track?.readyState === "live";
  }

  get hasTorch() {
    return Boolean(this.#track?.getCapabilities?.().torch);
  }

  /** Switch the light; false where the camera refuses, and stays as it is. */
  async setTorch(on) {
    const done = this.#track?.applyConstraints({ advanced: [{ torch: on }] });
    return Boolean(done) && done.then(() => true, () => false);
  }

  /** What the camera sees now, as ImageData; null where it sees nothing yet. */
  picture() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!this.isOn || !width) return null;
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const context = this.#canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    return context.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
  }

  get #track() {
    return this.#stream?.getVideoTracks()[0];
  }
}
