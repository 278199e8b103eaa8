// Every text of the app, so that it can be read (and translated) in one place.

export const texts = {
  app: { name: "Ticket scanner" },
  session: {
    title: "Sign in",
    email: "E-mail",
    password: "Password",
    signIn: "Sign in",
    signOut: "Sign out",
    wrong: "The e-mail or the password is wrong.",
    notStaff: "This account may not scan: it is not one of staff. Sign in with a staff account.",
    ended: "Your session has ended. Sign in again to go on.",
    endedWithScan:
      "Your session has ended. Sign in again: the scan you made is kept and will be sent then.",
  },
  place: {
    title: "Where do you stand?",
    event: "Event",
    hall: "Hall",
    hint: (hall) => `This event is in ${hall}.`,
    otherHall: (hall) =>
      `This event is in ${hall}. At another hall its tickets are answered with “Wrong hall”.`,
    start: "Start scanning",
    change: "Change place",
    noEvents: "There are no events.",
    at: (event, hall) => `${event} · ${hall}`,
  },
  gate: {
    title: "Scan tickets",
    ready: "Ready for the next guest.",
    readyAfter: (last) => `Ready for the next guest. Last: ${last}`,
    sending: "Checking …",
    typed: "Ticket code, typed or pasted",
    check: "Check",
    sound: "Sound",
    keep: "Hold refusals",
    touch: "The browser plays no sound yet: tap the page once.",
    resting: "Ready for the next guest. (This code was just checked.)",
  },
  camera: {
    label: "What the camera sees",
    starting: "Starting the camera …",
    again: "Try the camera again",
    torch: "Light",
    otherwise: "You can go on with a hand scanner, or type the code below.",
    insecure: (url) =>
      `The camera works on a secure page only. Open ${url} instead (https, port 8443).`,
    refused:
      "The browser does not let this page use the camera. Allow it in the browser’s site settings.",
    missing: "This device has no camera that could be used.",
    busy: "The camera is in use by another app, or does not answer.",
    lost: "The camera has stopped.",
    decoder: "The part that reads codes could not be loaded.",
  },
  verdict: {
    SUCCESS: "Admitted",
    DUPLICATE: "Already in",
    WRONG_HALL: "Wrong hall",
    EXPIRED: "Code expired",
    UNPAID: "Not paid",
    NOT_OWNER: "Not the owner",
    NOT_FOUND: "Not found",
    QR_INVALID: "Not a ticket",
    other: "Do not admit",
    seat: (row, number) => `Row ${row} · Seat ${number}`,
    firstEntry: (at) => `First entry at ${at}.`,
    rightHall: (hall) => `Send them to ${hall}.`,
    details: {
      EXPIRED: "Ask for a fresh code: the ticket shows a new one every minute.",
      UNPAID: "This seat is not paid for.",
      NOT_OWNER: "This ticket belongs to somebody else now.",
      NOT_FOUND: "There is no ticket for this seat.",
      QR_INVALID: "This code is none of ours.",
    },
  },
  trouble: {
    title: "This scan has no answer yet",
    kept: "The scan is kept. Trying again never counts a guest twice.",
    again: "Try again",
    leave: "Drop this scan",
    otherAccount: "Sign in with another account",
    trying: "Trying again …",
    NETWORK: "The platform cannot be reached. Check the connection, then try again.",
    SERVICE_UNAVAILABLE: "The platform cannot check tickets right now (503). Try again in a moment.",
    RATE_LIMITED: (seconds) =>
      `Too many requests (429). Wait ${pause(seconds)}, then try again.`,
    FORBIDDEN: "This account may not scan (403). Ask for the staff role, or use another account.",
    other: (code) => `Something went wrong (${code}). Try again.`,
  },
  counts: {
    title: "Counts",
    hall: (hall, admitted, expected) => `${hall}: ${admitted} of ${expected} admitted`,
    device: (admitted, refused) => `This device: ${admitted} admitted, ${refused} refused`,
    stale: (at) => `The counts of the hall could not be updated; they are from ${at}.`,
    never: "The counts of the hall could not be had yet.",
  },
  scans: { title: "Last scans on this device", none: "None yet." },
};

/** The text under a dotted name, as index.html names them. */
export function text(name) {
  return name.split(".").reduce((texts, key) => texts[key], texts);
}

/** What to say where the API refused, or could not be asked. */
export function refusal(error) {
  const { trouble } = texts;
  if (error.code === "RATE_LIMITED") return trouble.RATE_LIMITED(error.retryAfter);
  return trouble[error.code] ?? trouble.other(error.code);
}

function pause(seconds = "a few") {
  return seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} seconds`;
}

const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const DAY = { weekday: "short", day: "numeric", month: "short" };

/** A time of day where the device is, with the day where it is not today. */
export function localTime(moment) {
  const at = new Date(moment);
  const time = at.toLocaleTimeString("en-GB", TIME);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? time : `${time}, ${at.toLocaleDateString("en-GB", DAY)}`;
}

/** The day of an event where the device is. */
export function localDay(moment) {
  return new Date(moment).toLocaleDateString("en-GB", { ...DAY, year: "numeric" });
}
