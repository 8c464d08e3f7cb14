import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/cluster.ts';
import { RawClient } from '../raw.ts';
import { underReads } from '../scene.ts';

const PATH = '/kamaitachi/api/data/v1/snapshot';
const BODY = '{"ids":"fa","subjects":"fault:0001"}';
const SETTLE_MS = 1_500;
/** What would be served if the end of the request before were taken for somewhere else. */
const HIDDEN = 'GET /health HTTP/1.1\r\nhost: faults\r\nx-request-id: hidden\r\n\r\n';

interface Lie {
  name: string;
  text: string;
  /** The client's half of the connection ends after it. */
  ends?: boolean;
  /** Most answers that may come: one where the rest can only be the rest of a lie. */
  most?: number;
}

/** Requests whose length is not what they say: refused or cut off, never a 5xx, and never two requests made of one. */
export const lyingLengths = underReads({
  number: 16,
  name: 'lying lengths, `content-length` with `transfer-encoding`, broken chunks, on Deno and on Node',
  isQuick: true,
  gateways: 2,
  async fault({ gateways, strike, note, breach }) {
    strike('requests that lie');
    for (const [i, gateway] of gateways.entries()) {
      const on = i === 0 ? 'Deno' : 'Node';
      for (const { name, text, ends = false, most = 1 } of LIES) {
        const client = new RawClient(gateway.url);
        client.send(text);
        if (ends) client.end();
        await eventually(
          'answered',
          () => client.isClosed || client.statuses.length >= most,
          SETTLE_MS,
        ).catch(() => {});
        // A second answer would come at once.
        await sleep(50);
        const { statuses } = client;
        if (statuses.some((status) => status >= 500)) breach(`${on}, ${name}: ${statuses.join()}`);
        if (statuses.length > most) breach(`${on}, ${name}: ${statuses.length} answers, ${statuses.join()}`);
        if (client.received.includes('hidden')) breach(`${on}, ${name}: the hidden request was served`);
        client.close();
      }
    }
    note(`${LIES.length} lies to each`);
  },
});

const LIES: readonly Lie[] = [
  {
    name: 'fewer bytes than said, then the end',
    text: post(`content-length: ${BODY.length + 100}`),
    ends: true,
  },
  {
    name: 'more bytes than said',
    text: post(`content-length: ${BODY.length}`, `${BODY}${'x'.repeat(200)}\r\n\r\n`),
    most: 2,
  },
  { name: 'a negative length', text: post('content-length: -1') },
  { name: 'a length that is no number', text: post('content-length: many') },
  { name: 'a length beyond all numbers', text: post('content-length: 99999999999999999999999') },
  { name: 'two different lengths', text: post(`content-length: ${BODY.length}\r\ncontent-length: 3`) },
  {
    name: 'a length and chunks',
    text: post(`content-length: ${BODY.length}\r\ntransfer-encoding: chunked`, `0\r\n\r\n${HIDDEN}`),
  },
  {
    name: 'chunks and a length',
    text: post(`transfer-encoding: chunked\r\ncontent-length: 4`, `0\r\n\r\n${HIDDEN}`),
  },
  { name: 'chunks under another name', text: post('transfer-encoding: xchunked', `0\r\n\r\n${HIDDEN}`) },
  {
    name: 'chunks, then something else',
    text: post('transfer-encoding: chunked, identity', `0\r\n\r\n${HIDDEN}`),
  },
  {
    name: 'a chunk whose length is no number',
    text: post('transfer-encoding: chunked', 'zz\r\nabc\r\n0\r\n\r\n'),
  },
  {
    name: 'a chunk shorter than said',
    text: post('transfer-encoding: chunked', '10\r\nabc\r\n0\r\n\r\n'),
    ends: true,
  },
  {
    name: 'a chunk of more bytes than there are',
    text: post('transfer-encoding: chunked', 'ffffffffffffffff\r\nabc'),
    ends: true,
  },
  { name: 'a length with a sign', text: post(`content-length: +${BODY.length}`) },
  { name: 'a header folded over two lines', text: post(`content-length:\r\n ${BODY.length}`) },
  {
    name: 'no HTTP at all',
    text: '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003hello\r\n\r\n',
  },
];

function post(header: string, body = BODY): string {
  return `POST ${PATH} HTTP/1.1\r\nhost: faults\r\n${header}\r\n\r\n${body}`;
}
