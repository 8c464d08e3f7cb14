import { eventually } from '../../support/cluster.ts';
import { RawClient } from '../raw.ts';
import { underReads } from '../scene.ts';

const PATH = '/kamaitachi/api/data/v1/subjects';
const ANSWER_MS = 5_000;
const AT_ONCE = 20;

/** Headers and addresses beyond all measure: refused by name, and nobody else notices. */
export const floods = underReads({
  number: 17,
  name: 'floods of headers, long headers, long addresses, on Deno and on Node',
  isQuick: true,
  gateways: 2,
  async fault({ gateways, strike, note, breach }) {
    strike('floods');
    for (const [i, gateway] of gateways.entries()) {
      const on = i === 0 ? 'Deno' : 'Node';
      for (const { name, text } of FLOODS) {
        const clients = Array.from({ length: AT_ONCE }, () => new RawClient(gateway.url));
        for (const client of clients) client.send(text);
        const isDone = () => clients.every(({ isClosed, statuses }) => isClosed || statuses.length > 0);
        await eventually('all are told', isDone, ANSWER_MS).catch(() => breach(`${on}, ${name}: no answer`));
        const statuses = [...new Set(clients.flatMap((client) => client.statuses))];
        if (statuses.some((status) => status < 400 || status >= 500))
          breach(`${on}, ${name}: ${statuses.join()}`);
        note(`${on}, ${name}: ${statuses.join() || 'cut off'}`);
        for (const client of clients) client.close();
      }
    }
  },
});

const FLOODS: readonly { name: string; text: string }[] = [
  {
    name: '5,000 headers',
    text: get(PATH, Array.from({ length: 5_000 }, (_, i) => `x-${i}: ${i}\r\n`).join('')),
  },
  { name: 'a header of 1 MB', text: get(PATH, `x-long: ${'a'.repeat(1_000_000)}\r\n`) },
  { name: 'an address of 20 kB', text: get(`${PATH}?prefix=${'a'.repeat(20_000)}`) },
  { name: 'an address of 1 MB', text: get(`${PATH}?prefix=${'a'.repeat(1_000_000)}`) },
];

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nhost: faults\r\n${headers}\r\n`;
}
