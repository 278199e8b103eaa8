// Who scans: signing in, keeping the access token fresh, signing out.

import { ApiError, request } from "./api.js";

const STAFF = ["staff", "admin"];
const RENEW_BEFORE_MS = 30_000;

/** A login, over reloads of the page. Calls throw SESSION_ENDED where one has to sign in again. */
export class Session {
  #kept;
  #renewal = null;

  constructor(kept) {
    this.#kept = kept;
  }

  get isOpen() {
    return this.#kept.get() !== null;
  }

  /** Throws NOT_STAFF for an account that may not scan; that login is ended at once. */
  async signIn(email, password) {
    const body = { email, password };
    const { data } = await request("POST", "/api/auth/login", { body });
    if (!STAFF.includes(data.user.role)) {
      await request("POST", "/api/auth/logout", { token: data.access_token }).catch(() => {});
      throw new ApiError("NOT_STAFF");
    }
    this.#keep(data);
  }

  /** The device forgets the login even where the platform cannot be told. */
  async signOut() {
    const tokens = this.#kept.get();
    this.#kept.clear();
    if (!tokens) return;
    await request("POST", "/api/auth/logout", { token: tokens.access }).catch(() => {});
  }

  /** A call with the access token, which is renewed first where it must be. */
  async call(method, path, body) {
    const tokens = this.#kept.get();
    if (!tokens) throw new ApiError("SESSION_ENDED");
    if (tokens.expiresAt - Date.now() < RENEW_BEFORE_MS) await this.#renew();
    try {
      return await this.#request(method, path, body);
    } catch (error) {
      if (error.status !== 401) throw error;
    }
    await this.#renew();
    return this.#request(method, path, body).catch((error) => this.#refused(error));
  }

  #request(method, path, body) {
    return request(method, path, { body, token: this.#kept.get()?.access });
  }

  // Two calls at once renew once.
  #renew() {
    this.#renewal ??= this.#ask().finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #ask() {
    const refresh = this.#kept.get()?.refresh;
    const renewed = request("POST", "/api/auth/refresh", { token: refresh });
    const { data } = await renewed.catch((error) => this.#refused(error));
    // signed out meanwhile: this login must not come back
    if (this.#kept.get()?.refresh !== refresh) throw new ApiError("SESSION_ENDED");
    this.#keep({ refresh_token: refresh, ...data });
  }

  #refused(error) {
    if (error.status !== 401) throw error;
    this.#kept.clear();
    throw new ApiError("SESSION_ENDED");
  }

  // By the device's own clock, from now on: it may differ from the platform's.
  #keep({ access_token, refresh_token, expires_in }) {
    const expiresAt = Date.now() + expires_in * 1000;
    this.#kept.set({ access: access_token, refresh: refresh_token, expiresAt });
  }
}
