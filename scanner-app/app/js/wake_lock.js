// Keeps the screen from going dark between guests, where the browser can.

let lock = null;

/** Hold the screen; the system takes it away when the page is hidden, so ask again then. */
export async function keepAwake() {
  lock = await navigator.wakeLock?.request("screen").catch(() => null);
}

export function letSleep() {
  lock?.release();
  lock = null;
}
