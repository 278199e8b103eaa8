// The worker of decoder.js: zxing-wasm, from our own address.

import { prepareZXingModule, readBarcodes } from "../vendor/zxing-wasm/es/reader/index.js";

const WASM = new URL("../vendor/zxing-wasm/reader/zxing_reader.wasm", import.meta.url).href;
const OPTIONS = { formats: ["QRCode"], maxNumberOfSymbols: 4 };

prepareZXingModule({ overrides: { locateFile: () => WASM } });

self.onmessage = async ({ data }) => {
  try {
    const found = await readBarcodes(data, OPTIONS);
    self.postMessage({ codes: found.map(({ text }) => text).filter(Boolean) });
  } catch (error) {
    self.postMessage({ failed: String(error) });
  }
};
