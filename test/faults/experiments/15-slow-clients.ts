import { seconds } from '../experiment.ts';
import { RawClient } from '../raw.ts';
import { type Scene, underReads } from '../scene.ts';

const SNAPSHOT = '/kamaitachi/api/data/v1/snapshot';
const COUNT = 100;
const DRIP_MS = 500;

/** Clients that take their time, 100 of each kind at each gateway: others do not notice. */
export const slowClients = underReads({
  number: 15,
  name: '100 clients with headers by drops, 100 with bodies by drops, 100 that say nothing, on Deno and on Node',
  isQuick: true,
  gateways: 2,
  async fault(scene) {
    const { gateways, stage, strike, note } = scene;
    const groups = gateways.flatMap((gateway, i) =>
      KINDS.map(({ name, begin }) => ({
        name: `${name} at the gateway on ${i === 0 ? 'Deno' : 'Node'}`,
        clients: Array.from({ length: COUNT }, () => {
          const client = new RawClient(gateway.url);
          begin(client);
          return client;
        }),
      })),
    );
    strike('slow clients are there');
    try {
      await seconds(stage, 45, 6);
      for (const { name, clients } of groups) note(`${name}: ${fateOf(clients)}`);
    } finally {
      for (const { clients } of groups) for (const client of clients) client.close();
    }
    await stillWell(scene);
  },
});

const KINDS: readonly { name: string; begin(client: RawClient): void }[] = [
  {
    name: 'headers',
    begin(client) {
      client.send(`POST ${SNAPSHOT} HTTP/1.1\r\nhost: faults\r\n`);
      client.drip('x-slow: a\r\n', DRIP_MS);
    },
  },
  {
    name: 'bodies',
    begin(client) {
      client.send(`POST ${SNAPSHOT} HTTP/1.1\r\nhost: faults\r\ncontent-length: 10000\r\n\r\n`);
      client.drip(' ', DRIP_MS);
    },
  },
  { name: 'silent', begin: () => {} },
];

function fateOf(clients: readonly RawClient[]): string {
  const closed = clients.filter(({ isClosed }) => isClosed);
  const statuses = [...new Set(clients.flatMap(({ statuses }) => statuses))];
  const told = statuses.length === 0 ? '' : `, told ${statuses.join()}`;
  if (closed.length === 0) return `all open${told}`;
  const longest = Math.max(...closed.map(({ openedAt, closedAt }) => closedAt! - openedAt));
  return `${closed.length} closed within ${Math.round(longest / 1000)} s${told}`;
}

/** Somebody new is served at once. */
async function stillWell({ gateways, queries, breach }: Scene): Promise<void> {
  for (const { url } of gateways) {
    const answer = await fetch(url + queries[0].path, { method: 'POST', body: queries[0].body });
    await answer.arrayBuffer();
    if (!answer.ok) breach(`a new client: expected 200, got ${answer.status}`);
  }
}
