/** The acoustic features that the page names: a dozen of the 88, each in a unit that people use. */

const LOWEST_NOTE_HZ = 27.5;
const SEMITONES = 12;

const fixed = (digits) => (value) => value.toFixed(digits).replace("-", "−");
const hertz = (semitones) => fixed(0)(LOWEST_NOTE_HZ * 2 ** (semitones / SEMITONES));
const hundredths = (digits) => (share) => fixed(digits)(100 * share);

/** Zero where nothing in the window is voiced; of a voice it is never so low. */
export const PITCH = "F0semitoneFrom27.5Hz_sma3nz_amean";

/**
 * @typedef {object} NamedFeature
 * @property {string} name its column among the 88
 * @property {string} label what it is called here
 * @property {(value: number) => string} figure the value as a number of the unit
 * @property {string} unit empty where it has none
 * @property {string} more what a voice is that has more of it than usual
 * @property {string} less
 * @property {string} meaning in a sentence
 * @property {boolean} [voiced] whether it says nothing without voiced sound
 *
 * @typedef {{title: string, features: NamedFeature[]}} Group
 */

/** @type {Group[]} */
export const GROUPS = [
  {
    title: "Pitch",
    features: [
      {
        name: PITCH,
        label: "Pitch",
        figure: hertz,
        unit: "Hz",
        more: "higher",
        less: "lower",
        meaning: "how fast the vocal folds swing, on average of the notes",
        voiced: true,
      },
      {
        name: "F0semitoneFrom27.5Hz_sma3nz_pctlrange0-2",
        label: "Pitch range",
        figure: fixed(1),
        unit: "semitones",
        more: "wider",
        less: "narrower",
        meaning: "from the note that a fifth of the time is below to the one that a fifth is above",
        voiced: true,
      },
    ],
  },
  {
    title: "Loudness",
    features: [
      {
        name: "loudness_sma3_amean",
        label: "Loudness",
        figure: fixed(2),
        unit: "",
        more: "louder",
        less: "softer",
        meaning: "as a model of hearing has it, without a unit; 0 is silence",
      },
      {
        name: "loudness_sma3_stddevNorm",
        label: "Loudness variation",
        figure: hundredths(0),
        unit: "%",
        more: "livelier",
        less: "more even",
        meaning: "how much the loudness goes up and down, in parts of its mean",
      },
      {
        name: "equivalentSoundLevel_dBp",
        label: "Level",
        figure: fixed(1),
        unit: "dBFS",
        more: "higher",
        less: "lower",
        meaning: "the mean power that arrives, 0 is full scale; it depends on the microphone too",
      },
    ],
  },
  {
    title: "Rate",
    features: [
      {
        name: "loudnessPeaksPerSec",
        label: "Loudness peaks",
        figure: fixed(1),
        unit: "per second",
        more: "faster",
        less: "slower",
        meaning: "about as many as there are syllables",
      },
      {
        name: "VoicedSegmentsPerSec",
        label: "Voiced stretches",
        figure: fixed(1),
        unit: "per second",
        more: "more",
        less: "fewer",
        meaning: "how often the voice sets in again after a pause or a voiceless sound",
      },
    ],
  },
  {
    title: "Voice quality",
    features: [
      {
        name: "jitterLocal_sma3nz_amean",
        label: "Jitter",
        figure: hundredths(1),
        unit: "%",
        more: "rougher",
        less: "smoother",
        meaning: "how unequal in length successive swings of the vocal folds are",
        voiced: true,
      },
      {
        name: "shimmerLocaldB_sma3nz_amean",
        label: "Shimmer",
        figure: fixed(2),
        unit: "dB",
        more: "rougher",
        less: "smoother",
        meaning: "how unequal in strength they are",
        voiced: true,
      },
      {
        name: "HNRdBACF_sma3nz_amean",
        label: "Harmonics to noise",
        figure: fixed(1),
        unit: "dB",
        more: "clearer",
        less: "noisier",
        meaning: "tone against breath and noise",
        voiced: true,
      },
      {
        name: "alphaRatioV_sma3nz_amean",
        label: "Brightness",
        figure: fixed(1),
        unit: "dB",
        more: "brighter",
        less: "darker",
        meaning: "the alpha ratio: the power from 1 to 5 kHz against that below 1 kHz",
        voiced: true,
      },
      {
        name: "spectralFluxV_sma3nz_amean",
        label: "Spectral flux",
        figure: fixed(2),
        unit: "",
        more: "livelier",
        less: "steadier",
        meaning: "how much the sound changes from moment to moment, without a unit; it grows with the level",
        voiced: true,
      },
    ],
  },
];

/** Least standard scores, and how far from usual they are in words; below the first it is as usual. */
const DEGREES = [
  [0.5, "slightly "],
  [1.25, ""],
  [2.5, "much "],
];

/** How a score compares with usual, such as "much higher". @param {NamedFeature} feature @param {number} score */
export function comparison({ more, less }, score) {
  const degree = DEGREES.findLast(([least]) => Math.abs(score) >= least);
  return degree ? `${degree[1]}${score > 0 ? more : less}` : "as usual";
}

/** The value with its unit. @param {NamedFeature} feature @param {number} value */
export const written = ({ figure, unit }, value) => `${figure(value)} ${unit}`.trim();
