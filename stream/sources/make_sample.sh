#!/bin/sh
# Makes sample.flac: synthetic speech in several voices and moods, to try the program without a microphone.
# Needs espeak-ng and sox; the same versions give the same file.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# say VOICE PITCH WORDS_PER_MINUTE AMPLITUDE PAUSE_S SENTENCE
say() {
    count=$((count + 1))
    piece=$(printf '%s/%02d.wav' "$work" "$count")
    espeak-ng -v "$1" -p "$2" -s "$3" -a "$4" -w "$work/spoken.wav" "$6"
    sox -R "$work/spoken.wav" -r 16000 -c 1 "$piece" gain -6 highpass 60 pad 0 "$5"
}

# Calm, then excited, then low: what moves on the screen should be heard.
say en-us       38 135  60 1.2 "Good morning. I made some tea, and I watch the rain."
say en-us+f3    45 140  60 0.9 "It is quiet here today. There is no hurry at all."
say en-us+f3    85 210 130 0.6 "Oh, wait, look! There it is! I cannot believe it, we really did it!"
say en-us+m3    70 215 140 1.5 "Yes! Yes! Everybody, come over here, quick, you have to see this!"
say de+f2       40 130  70 0.8 "Langsam wird es dunkel, und die Lampen gehen an."
say de+m2       75 205 135 2.0 "Nein, das ist doch unglaublich! Mach sofort die Tür zu!"
say en-gb+f4    20 110  45 1.1 "I waited a long time. Nobody came, so I walked home alone."
say fr+f5       88 200 130 1.6 "Quelle bonne surprise! Je suis tellement contente de te voir!"
say en-us+m5    25 125  60 0.5 "Well. That was everything I wanted to tell you."

# -R: sox draws the same noise every time. The noise is a quiet room, about 60 dB below full scale.
sox -R "$work"/[0-9]*.wav "$work/speech.wav" pad 0.5 0.5 gain -n -3
sox -R "$work/speech.wav" "$work/room.wav" synth brownnoise gain -50
sox -R -m -v 1 "$work/speech.wav" -v 1 "$work/room.wav" -C 8 -b 16 sample.flac gain -h reverb 12 40 25 gain -n -3
