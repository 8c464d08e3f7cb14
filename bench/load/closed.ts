/** As fast as the answers come: autocannon, every connection with its own share of the requests. */
import autocannon, { type AutocannonClient, type AutocannonRequest } from 'autocannon';
import type { Job } from './job.ts';
import type { Tally } from './tally.ts';

const TIMEOUT_SECONDS = 30;
/** How often autocannon looks whether it is done. */
const SAMPLE_MS = 50;

export async function runClosed(job: Job, tally: Tally): Promise<void> {
  const wanted = new Set(job.keep);
  const requests = job.requests.map((request, index): AutocannonRequest => {
    const { path, contentType, body, isWrite } = request;
    const keep = (status: number, text: string) => tally.keep({ index, status, body: text });
    return {
      method: 'POST',
      path,
      headers: { 'content-type': contentType, ...(job.key === undefined ? {} : { 'x-api-key': job.key }) },
      body,
      isWrite,
      ...(wanted.has(index) ? { onResponse: keep } : {}),
    };
  });
  let client = 0;
  const instance = autocannon({
    url: job.url,
    connections: job.connections,
    ...(job.amount === undefined ? { duration: job.seconds } : { amount: job.amount }),
    sampleInt: SAMPLE_MS,
    timeout: TIMEOUT_SECONDS,
    // In autocannon every connection walks the same list from its beginning: fifty would ask the same at the same time.
    setupClient: (connection) => connection.setRequests(share(requests, client++, job.connections)),
  });
  tally.start();
  const begun = new Set<AutocannonClient>();
  instance.on('response', (connection, status, _bytes, ms) => {
    // By autocannon's clock the first of each waits until all connections are set up, with all their requests.
    const isTimed = begun.has(connection);
    begun.add(connection);
    const isWrite = connection.requestIterator.currentRequest.isWrite === true;
    tally.answered(Number(status), isTimed ? ms : undefined, isWrite);
  });
  const { errors } = await instance;
  tally.failed += errors;
}

/** Every `of`-th request from the `index`-th on; where there are too few for that, all of them, begun elsewhere. */
export function share<Item>(items: readonly Item[], index: number, of: number): Item[] {
  if (items.length >= of) return items.filter((_, i) => i % of === index % of);
  const from = index % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}
