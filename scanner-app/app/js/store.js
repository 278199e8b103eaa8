// What outlives a reload. It ends with the tab: a lost phone keeps no login.

/** One named value; `null` where there is none. */
export class Kept {
  constructor(name) {
    this.name = `scanner.${name}`;
  }

  get() {
    return JSON.parse(sessionStorage.getItem(this.name));
  }

  set(value) {
    sessionStorage.setItem(this.name, JSON.stringify(value));
  }

  clear() {
    sessionStorage.removeItem(this.name);
  }
}
