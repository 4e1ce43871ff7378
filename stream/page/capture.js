/** A microphone of this browser as 16-bit audio, which goes on when the device comes back or the tab wakes up. */

/** What telephones need takes expression away: with all three on, activation was off by 0.2. */
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
const RETRY_MS = 2_000;

/**
 * @typedef {object} Listener
 * @property {(samples: Int16Array, missing: number) => void} onAudio one channel at `rate`; `missing` frames lie before
 * @property {(state: "hearing" | "gone" | "asleep", why: Error | null) => void} onState
 */

/** Whether this page may ask for a microphone at all: browsers let only secure ones. */
export const isPossible = () => globalThis.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

/** The microphones there are. They have names only once the user has let the page use one. */
export async function microphones() {
  const devices = isPossible() ? await navigator.mediaDevices.enumerateDevices() : [];
  return devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId && deviceId !== "default");
}

export class Capture {
  #context;
  #listener;
  #device;
  #gatherer = null;
  #source = null;
  #track = null;
  #timer = null;
  #seeking = false;
  #refused = false;
  #closed = false;

  constructor(context, device, listener) {
    this.#context = context;
    this.#device = device;
    this.#listener = listener;
  }

  /**
   * Ask the user for a microphone and listen to it; throws what getUserMedia throws.
   * @param {string} device its deviceId, or "" for whichever the browser takes
   * @param {Listener} listener
   */
  static async open(device, listener) {
    // At its own rate: asked for 16 kHz, Chromium takes 1 dB away at 6 kHz and 5 at 7; the server's resampler does not.
    const context = new AudioContext();
    const capture = new Capture(context, device, listener);
    try {
      await context.audioWorklet.addModule(new URL("./microphone-worklet.js", import.meta.url));
      capture.#build();
      await capture.#connect();
    } catch (error) {
      await capture.close();
      throw error;
    }
    return capture;
  }

  /** Frames a second; the same for as long as this is open, whatever device is used. */
  get rate() {
    return this.#context.sampleRate;
  }

  /** What the browser calls the device. */
  get label() {
    return this.#track?.label ?? "";
  }

  /** Listen to another device from now on. */
  async use(device) {
    this.#device = device;
    await this.#seek();
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    navigator.mediaDevices.removeEventListener("devicechange", this.#seekIfGone);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#context.onstatechange = null;
    if (this.#gatherer) this.#gatherer.port.onmessage = null;
    this.#disconnect();
    await this.#context.close();
  }

  #build() {
    this.#gatherer = new AudioWorkletNode(this.#context, "gatherer", {
      channelCount: 1,
      channelCountMode: "explicit",
      outputChannelCount: [1],
    });
    this.#gatherer.port.onmessage = ({ data: { samples, missing } }) => this.#listener.onAudio(samples, missing);
    // It writes nothing there, but nodes that lead nowhere are not run without a microphone.
    this.#gatherer.connect(this.#context.destination);
    this.#context.onstatechange = () => this.#tell();
    navigator.mediaDevices.addEventListener("devicechange", this.#seekIfGone);
    document.addEventListener("visibilitychange", this.#wake);
    this.#timer = setInterval(this.#wake, RETRY_MS);
  }

  async #connect() {
    const deviceId = this.#device ? { exact: this.#device } : undefined;
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { ...AS_IT_IS, deviceId } });
    const [track] = stream.getAudioTracks();
    if (this.#closed) {
      track.stop();
      return;
    }
    this.#disconnect();
    this.#track = track;
    track.addEventListener("ended", () => this.#lose(track));
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    this.#source.connect(this.#gatherer);
    this.#resume();
    this.#tell();
  }

  #disconnect() {
    this.#source?.disconnect();
    this.#track?.stop();
    this.#source = this.#track = null;
  }

  #lose(track) {
    if (track !== this.#track) return;
    this.#disconnect();
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
    try {
      for (let device = null; device !== this.#device && !this.#closed; ) {
        device = this.#device;
        await this.#connect();
      }
    } catch (error) {
      this.#refused = error.name === "NotAllowedError";
      this.#tell(error);
    } finally {
      this.#seeking = false;
    }
  }

  #wake = () => {
    if (this.#context.state !== "running") this.#resume();
    // Asking again and again would make the browser ask the user again and again.
    if (!this.#refused) this.#seekIfGone();
  };

  /** Browsers may put this off until the user does something, so nothing waits for it. */
  #resume() {
    this.#context.resume().catch(() => {});
  }

  #tell(why = null) {
    if (this.#closed) return;
    const asleep = this.#context.state !== "running";
    this.#listener.onState(this.#track === null ? "gone" : asleep ? "asleep" : "hearing", why);
  }
}
