import { runLoad } from '../../bench/load/load.ts';
import { ingest, post, startCluster } from '../cluster.ts';
import { type Experiment, emptyFinding, type Finding, type Stage } from './experiment.ts';
import { knownLines, knownQueries } from './known.ts';

const CONNECTIONS = 64;
/** Each request may wait for a free one of these: clients as many as there are. */
const CROWD = 3_000;
const TIMES_OVER = 3;
const LEAST_SHARE = 0.8;
/** Few, so that finding out what to send costs nothing. */
const QUERIES = 40;

/** Three times as many requests as can be answered: those that are answered are nearly as many as ever. */
export const overload: Experiment = {
  number: 20,
  name: `${TIMES_OVER} times the requests that can be answered`,
  isQuick: false,
  isLaw: false,
  run,
};

async function run(stage: Stage): Promise<Finding> {
  const finding = emptyFinding();
  const running = await startCluster({ slaves: 2, replicas: 2 });
  try {
    const { url } = running.cluster.gateway;
    const seq = await ingest(url, knownLines());
    const queries = knownQueries(stage.random).slice(0, QUERIES);
    for (const { path, body } of queries)
      await post(url + path, JSON.parse(body), { 'x-kamaitachi-min-seq': String(seq) });
    const requests = queries.map(({ path, body }) => ({
      path,
      body,
      contentType: 'application/json',
      isWrite: false,
    }));
    const length = Math.max(4, 15 * stage.scale);
    await runLoad({ url, requests, connections: CONNECTIONS, seconds: 3 });
    const calm = await runLoad({ url, requests, connections: CONNECTIONS, seconds: length });
    stage.say(`peak ${Math.round(calm.perSecond)}/s`);
    const rate = calm.perSecond * TIMES_OVER;
    const over = await runLoad({ url, requests, connections: CROWD, seconds: length, rate, processes: 1 });
    const good = (over.statuses[200] ?? 0) / over.seconds;
    const share = good / calm.perSecond;
    finding.requests = calm.requests + over.requests;
    finding.failed = over.failed;
    finding.calm = { p50: calm.reads.percentile(50) / 1000, p99: calm.reads.percentile(99) / 1000 };
    finding.notes.push(
      `peak ${Math.round(calm.perSecond)}/s over ${CONNECTIONS} connections; at ${Math.round(rate)}/s asked over ${CROWD} ` +
        `${Math.round(good)}/s answered (${Math.round(share * 100)}%), ${over.statuses[503] ?? 0} shed with 503`,
    );
    if (share < LEAST_SHARE) finding.breaches.push(`goodput ${Math.round(share * 100)}% of the peak`);
    const bugs = Object.keys(over.statuses).filter((status) => !['200', '503', '504'].includes(status));
    if (bugs.length > 0) finding.breaches.push(`statuses ${bugs.join()}`);
    const after = await runLoad({ url, requests, connections: CONNECTIONS, seconds: Math.min(4, length) });
    finding.after = { p50: after.reads.percentile(50) / 1000, p99: after.reads.percentile(99) / 1000 };
    return finding;
  } finally {
    await running.stop();
  }
}
