/** Tell the server that someone else speaks in a stream that another program sends. */

/**
 * @param {string} stream
 * @param {string} [token]
 * @returns {Promise<number>} the status of the answer; 0 where there is none
 */
export async function announceNewSpeaker(stream, token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const answer = await fetch(`/v1/streams/${encodeURIComponent(stream)}/new-speaker`, { method: "POST", headers });
    return answer.status;
  } catch {
    return 0;
  }
}
