/** The audio thread's end of a microphone: an AudioContext and the worklet that gathers what is played into it. */

const WORKLET = new URL("./microphone-worklet.js", import.meta.url);

export class Gathering {
  #context;
  #node;
  #source = null;

  constructor(context, node) {
    this.#context = context;
    this.#node = node;
  }

  /**
   * @param {object} options
   * @param {number} [options.rate] by default the browser's own
   * @param {number | null} options.until_ms up to when audio came before, on the wall clock
   * @param {(samples: Int16Array, missing: number) => void} options.onAudio
   * @param {() => void} options.onState its state is another
   * @param {() => void} options.onError it will never run again: the device that it plays to is gone
   */
  static async open({ rate, until_ms, onAudio, onState, onError }) {
    // At its own rate: asked for 16 kHz, Chromium takes 1 dB away at 6 kHz and 5 at 7; the server's resampler does not.
    const context = new AudioContext(rate ? { sampleRate: rate } : {});
    try {
      await context.audioWorklet.addModule(WORKLET);
    } catch (error) {
      await context.close();
      throw error;
    }
    const node = new AudioWorkletNode(context, "gatherer", {
      channelCount: 1,
      channelCountMode: "explicit",
      outputChannelCount: [1],
      processorOptions: { until_ms },
    });
    node.port.onmessage = ({ data: { samples, missing } }) => onAudio(samples, missing);
    // It writes nothing there, but what leads nowhere is not run while there is no microphone.
    node.connect(context.destination);
    context.addEventListener("statechange", onState);
    context.addEventListener("error", onError);
    return new Gathering(context, node);
  }

  get rate() {
    return this.#context.sampleRate;
  }

  get running() {
    return this.#context.state === "running";
  }

  /** @param {MediaStream} stream to gather from now on, in place of the one before */
  hear(stream) {
    this.deafen();
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    this.#source.connect(this.#node);
    this.resume();
  }

  deafen() {
    this.#source?.disconnect();
    this.#source = null;
  }

  /** Browsers may put this off until the user does something, so nothing waits for it. */
  resume() {
    this.#context.resume().catch(() => {});
  }

  async close() {
    this.#node.port.onmessage = null;
    this.deafen();
    if (this.#context.state !== "closed") await this.#context.close();
  }
}
