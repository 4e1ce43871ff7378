/** What the speaker's baseline rests on, in words; the arithmetic is that of models/baseline.py. */

import { lasting, percent } from "./text.js";

/** Seconds of speech that the average of the model's training speakers is worth. */
export const PRIOR_S = 20;
/** After this much further speech, earlier speech counts half. */
export const HALF_LIFE_S = 300;

/** Below it the average of other speakers still weighs as much. */
const SHORT_SHARE = 0.5;
const SETTLED_SHARE = 0.8;

/** How much of the baseline is this speaker's own, in [0, 1]. @param {number} speech_s heard of this speaker */
export function ownShare(speech_s) {
  const longest_s = HALF_LIFE_S / Math.LN2;
  const weight_s = longest_s * (1 - 0.5 ** (speech_s / HALF_LIFE_S));
  return weight_s / (PRIOR_S + weight_s);
}

/** @param {number} speech_s */
export function baselineSentence(speech_s) {
  const share = ownShare(speech_s);
  if (speech_s <= 0) {
    return "Nothing of this speaker has been counted yet: “usual” is the average of the speakers in the model's training.";
  }
  const rests = `“Usual” rests on ${lasting(speech_s)} of this speaker's speech`;
  if (share < SHORT_SHARE) {
    return `${rests}, which count ${percent(share)}: it is still mostly the average of other speakers, so compare with care.`;
  }
  if (share < SETTLED_SHARE) return `${rests}, which count ${percent(share)}; the rest is the average of other speakers.`;
  return `${rests}, which count ${percent(share)}: it is this speaker's own by now.`;
}
