// A hand scanner types like a keyboard: many keys in no time, then Enter, wherever the focus is.

const LONGEST_PAUSE_MS = 250;
const SHORTEST_CODE = 4;
const TAKES_TEXT = "select, textarea, input, [contenteditable]";

// The keys that come in no time, as one; Enter ends them.
let burst = { began: 0, last: -Infinity, isOver: true };

// Before everybody else, so that all who hear a key know which burst it is of.
window.addEventListener("keydown", noteBurst, { capture: true });

function noteBurst({ key, timeStamp }) {
  const isNew = burst.isOver || timeStamp - burst.last > LONGEST_PAUSE_MS;
  burst = { began: isNew ? timeStamp : burst.began, last: timeStamp, isOver: key === "Enter" };
}

/** Whether the key that is pressed goes on with what was begun before then (performance.now()). */
export function wasBegunBefore(moment) {
  return burst.began < moment;
}

/**
 * Calls `scanned` with each code that is typed outside text fields, from its first key to its Enter
 * while `isListening()`: the rest of a code that was begun before is none.
 */
export function listenToHandScanner(isListening, scanned) {
  let typed = "";
  let began = null;
  let isHeard = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(TAKES_TEXT)) return;
    if (began !== burst.began) {
      began = burst.began;
      typed = "";
      isHeard = isListening();
    }
    if (event.key === " " && typed) event.preventDefault(); // as below
    if (event.key.length === 1) typed += event.key;
    if (event.key !== "Enter" || typed.length < SHORTEST_CODE) return;
    event.preventDefault(); // it presses no button that has the focus
    if (isHeard && isListening()) scanned(typed.trim());
    typed = "";
  });
}
