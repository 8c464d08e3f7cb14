/** NDJSON as it comes, line by line, in bounded memory. */
import { type Deadline, late, RequestError } from './request.ts';

/** No row of a gateway comes near: 64 ids of at most 1,024 bytes and a subject. */
const MAX_LINE_CHARS = 4 * 1024 * 1024;

/**
 * The parsed lines of a body. Leaving the loop cancels the rest. `stallMs`: how long the sender may be silent while we wait for
 * it; a slow reader has all the time that it wants. Throws a RequestError where the body ends early.
 */
export async function* readLines(
  body: ReadableStream<Uint8Array>,
  stallMs: number,
  deadline: Deadline,
): AsyncGenerator<unknown, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let isDone = false;
  try {
    for (;;) {
      deadline.restart(stallMs);
      const { done, value } = await reader.read();
      deadline.pause();
      if (done) break;
      text += decoder.decode(value, { stream: true });
      let from = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        if (end > from) yield JSON.parse(text.slice(from, end));
        from = end + 1;
      }
      text = text.slice(from);
      if (text.length > MAX_LINE_CHARS) throw new RequestError(0, 'answer: a line without an end');
    }
    if (text !== '') throw new RequestError(0, 'answer: it ends in the middle of a line');
    isDone = true;
  } catch (error) {
    if (error instanceof RequestError) throw error;
    if (deadline.signal.aborted) throw late(stallMs);
    throw new RequestError(0, 'answer: it broke off', undefined, error);
  } finally {
    deadline.end();
    // Nobody waits for what is left, and a body that failed cannot be cancelled any more.
    if (!isDone) void reader.cancel().catch(() => {});
  }
}
