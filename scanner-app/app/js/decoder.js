// Reads QR codes from pictures, in a worker, so that the page never waits for it.

/** One picture at a time. */
export class Decoder {
  #worker = new Worker(new URL("decoder_worker.js", import.meta.url), { type: "module" });

  /** The texts of the QR codes in an ImageData; throws where the decoder cannot be had. */
  read(picture) {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => {
        if (data.failed) reject(new Error(data.failed));
        else resolve(data.codes);
      };
      this.#worker.onerror = () => reject(new Error("the worker does not load"));
      this.#worker.postMessage(picture, [picture.data.buffer]);
    });
  }

  close() {
    this.#worker.terminate();
  }
}
