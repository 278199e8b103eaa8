// A hand scanner types like a keyboard: many keys in no time, then Enter, wherever the focus is.

const LONGEST_PAUSE_MS = 250;
const SHORTEST_CODE = 4;
const TAKES_TEXT = "select, textarea, input, [contenteditable]";

/** Calls `scanned` with each code that is typed while `isListening()`, outside text fields. */
export function listenToHandScanner(isListening, scanned) {
  let typed = "";
  let last = 0;
  document.addEventListener("keydown", (event) => {
    if (!isListening() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(TAKES_TEXT)) return;
    if (event.timeStamp - last > LONGEST_PAUSE_MS) typed = "";
    last = event.timeStamp;
    if (event.key.length === 1) {
      typed += event.key;
      return;
    }
    if (event.key !== "Enter" || typed.length < SHORTEST_CODE) return;
    event.preventDefault(); // it presses no button that has the focus
    scanned(typed.trim());
    typed = "";
  });
}
