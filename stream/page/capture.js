/** A microphone of this browser as 16-bit audio, which goes on when the device comes back or the page wakes up. */

import { Gathering } from "./gathering.js";

/** What telephones need takes expression away: with all three on, activation was off by 0.2. */
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
const RETRY_MS = 2_000;
/** What does not run after so many attempts to wake it never will. */
const ATTEMPTS = 5;

/**
 * @typedef {object} Listener
 * @property {(samples: Int16Array, missing: number) => void} onAudio one channel at `rate`; `missing` frames lie
 *   before it
 * @property {(state: "hearing" | "gone" | "asleep", why: Error | null) => void} onState `why` another device than the
 *   one that is heard could not be used, or none can
 */

/** Whether this page may ask for a microphone at all: browsers let only secure ones. */
export const isPossible = () => globalThis.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

/** The microphones there are. They have names only once the user has let the page use one. */
export async function microphones() {
  const devices = isPossible() ? await navigator.mediaDevices.enumerateDevices() : [];
  return devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId && deviceId !== "default");
}

export class Capture {
  /** Frames a second; the same for as long as this is open, whatever device is used. */
  rate = 0;
  #device;
  #heard;
  #listener;
  /** @type {Gathering | null} */
  #gathering = null;
  #track = null;
  #until_ms = null;
  #timer = null;
  #attempts = 0;
  #seeking = false;
  #refused = false;
  #closed = false;

  constructor(device, listener) {
    this.#device = this.#heard = device;
    this.#listener = listener;
  }

  /**
   * Ask the user for a microphone and listen to it; throws what getUserMedia throws.
   * @param {string} device its deviceId, or "" for whichever the browser takes
   * @param {Listener} listener
   */
  static async open(device, listener) {
    const capture = new Capture(device, listener);
    try {
      await capture.#gather();
      await capture.#connect();
    } catch (error) {
      await capture.close();
      throw error;
    }
    navigator.mediaDevices.addEventListener("devicechange", capture.#seekIfGone);
    document.addEventListener("visibilitychange", capture.#wake);
    capture.#timer = setInterval(capture.#wake, RETRY_MS);
    return capture;
  }

  /** What the browser calls the device. */
  get label() {
    return this.#track?.label ?? "";
  }

  /** The deviceId of the one that is listened to, or looked for. */
  get device() {
    return this.#device;
  }

  /** Listen to another device from now on; to the one before where that cannot be. */
  async use(device) {
    this.#device = device;
    await this.#seek();
  }

  async close() {
    this.#closed = true;
    clearInterval(this.#timer);
    navigator.mediaDevices.removeEventListener("devicechange", this.#seekIfGone);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#release();
    await this.#gathering?.close();
  }

  async #gather() {
    let gathering = null;
    gathering = await Gathering.open({
      rate: this.rate,
      until_ms: this.#until_ms,
      onAudio: (samples, missing) => this.#take(samples, missing),
      onState: () => this.#tell(),
      onError: () => gathering && gathering === this.#gathering && this.#break(),
    });
    this.#gathering = gathering;
    this.rate = gathering.rate;
  }

  async #connect() {
    const deviceId = this.#device ? { exact: this.#device } : undefined;
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { ...AS_IT_IS, deviceId } });
    const [track] = stream.getAudioTracks();
    if (this.#gathering === null && !this.#closed) await this.#gather();
    if (this.#closed) {
      track.stop();
      return;
    }
    this.#release();
    this.#track = track;
    track.addEventListener("ended", () => this.#lose(track));
    this.#gathering.hear(stream);
    this.#tell();
  }

  #take(samples, missing) {
    this.#until_ms = Date.now();
    this.#listener.onAudio(samples, missing);
  }

  #release() {
    this.#gathering?.deafen();
    this.#track?.stop();
    this.#track = null;
  }

  #lose(track) {
    if (track !== this.#track) return;
    this.#release();
    this.#tell();
    this.#seek();
  }

  /** Give up what will never run again; another takes its place with the microphone. */
  #break() {
    const broken = this.#gathering;
    this.#release();
    this.#gathering = null;
    broken.close().catch(() => {});
    this.#tell();
    this.#seek();
  }

  #seekIfGone = () => {
    if (this.#track === null) this.#seek();
  };

  async #seek() {
    if (this.#seeking || this.#closed) return;
    this.#seeking = true;
    this.#refused = false;
    for (let device = null; device !== this.#device && !this.#closed; ) {
      device = this.#device;
      try {
        await this.#connect();
        this.#heard = device;
      } catch (error) {
        if (device === this.#device) device = this.#miss(error);
      }
    }
    this.#seeking = false;
  }

  /** Return the device to go on with. */
  #miss(error) {
    this.#refused = error.name === "NotAllowedError";
    if (this.#track !== null) this.#device = this.#heard;
    this.#tell(error);
    return this.#device;
  }

  #wake = () => {
    // Asking again and again would make the browser ask the user again and again.
    if (!this.#refused) this.#seekIfGone();
    if (this.#track === null || this.#gathering.running) this.#attempts = 0;
    else if (this.#attempts++ < ATTEMPTS || document.hidden) this.#gathering.resume();
    else this.#break();
  };

  #tell(why = null) {
    if (this.#closed) return;
    this.#listener.onState(this.#track === null ? "gone" : this.#gathering.running ? "hearing" : "asleep", why);
  }
}
