// Keeps the app's own files for when the network is away; what the API says is never kept.

const CACHE = "scanner-shell";
const SHELL = [
  "./",
  "app.css",
  "manifest.webmanifest",
  "icons/icon.svg",
  "icons/icon-192.png",
  "js/main.js",
  "js/api.js",
  "js/camera.js",
  "js/camera_view.js",
  "js/counts.js",
  "js/decoder.js",
  "js/decoder_worker.js",
  "js/gate.js",
  "js/gate_screen.js",
  "js/hand_scanner.js",
  "js/page.js",
  "js/place_choice.js",
  "js/scans.js",
  "js/session.js",
  "js/sign_in.js",
  "js/sounds.js",
  "js/store.js",
  "js/texts.js",
  "js/trouble.js",
  "js/verdict.js",
  "js/wake_lock.js",
  "vendor/zxing-wasm/es/reader/index.js",
  "vendor/zxing-wasm/es/share.js",
  "vendor/zxing-wasm/reader/zxing_reader.wasm",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const isShell = request.url.startsWith(self.registration.scope);
  if (isShell && request.method === "GET") event.respondWith(answer(request));
});

/** From the network where it answers, so that nobody runs an old version; else what is kept. */
async function answer(request) {
  const fresh = await fetch(request).catch(() => null);
  if (fresh?.ok) {
    const cache = await caches.open(CACHE);
    await cache.put(request, fresh.clone()).catch(() => {}); // a full disk keeps nobody out
    return fresh;
  }
  // by its address alone: the gateway's answers vary by Origin, the files do not
  const kept = await caches.match(request, { ignoreSearch: true, ignoreVary: true });
  return kept ?? fresh ?? Response.error();
}
