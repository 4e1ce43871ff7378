// Print how every utterance of every stream sounded, in Node.js 22 or later:
//
//   node follow.js ws://127.0.0.1:8765

import { follow } from "../page/client.js";

const asked = { url: process.argv[2], since: 0, types: ["speech.ended"], token: process.env.CMLSTREAM_TOKEN };
for await (const { stream, emotion, activation, valence } of follow(asked)) {
  if (!emotion) continue;
  const [likeliest] = Object.entries(emotion).sort(([, one], [, other]) => other - one)[0];
  console.log(stream, likeliest, activation, valence);
}
