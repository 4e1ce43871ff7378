/**
 * For programs in a browser (or Node.js 22 and later) that use a server:
 *
 *   import { follow, send } from "https://HOST/client.js";
 *   for await (const event of follow({ stream: "kitchen" })) console.log(event.type);
 *   const sender = send({ stream: "kitchen", rate: 48_000 }); sender.push(samples); await sender.end();
 *
 * Pages of another origin must be among the server's allowed origins.
 */

export { follow } from "./follow.js";
export { RefusedError } from "./link.js";
export { send } from "./send.js";
