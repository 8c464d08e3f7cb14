/** `npm run verify`: compares every slave with the master, slot by slot. */

import process from 'node:process';
import { createNodePeerFetch } from '../../shared/adapter/node-peers.ts';
import { readSecrets } from '../../shared/adapter/secrets.ts';
import { commandOf } from '../../shared/base/program.ts';
import { gatewayUrl, nothingElse, type Options, readTool } from '../command.ts';
import { amount, duration } from '../import/report.ts';
import { runCommand } from './database.ts';
import { verifyCluster } from './verify.ts';

const OPTIONS = {
  to: {
    value: 'URL',
    says: 'a gateway, the master, or one slave; http://127.0.0.1:9000 by default',
  },
  'report-only': {
    says: 'say what differs, and leave it; else it is filled again from the master',
  },
  key: {
    value: 'KEY',
    says: 'API key, where the gateway asks for one',
    variable: 'KAMAITACHI_KEY',
  },
  'cluster-token-file': {
    value: 'PATH',
    says: "the cluster's token, where it has one: slaves answer to nobody else",
    variable: 'KAMAITACHI_CLUSTER_TOKEN_FILE',
  },
  'tls-ca': {
    value: 'PATH',
    says: 'certificates to check the others against, where they use TLS',
    variable: 'KAMAITACHI_TLS_CA',
  },
} as const satisfies Options;

const TOOL = {
  usage: `${commandOf('verify')} [options]`,
  says: 'Has every live slave compare the slots it holds with the master, both at the same seq, while the cluster runs. A slot that differs is taken out of service and filled again. Exit 1 if there was one, or a slave could not be asked.',
  options: OPTIONS,
};

const PROGRESS_EVERY_MS = 2_000;

process.exitCode = await runCommand('verify', async () => {
  const asked = readTool(TOOL, process.argv.slice(2), process.env);
  if (asked === undefined) return 0;
  const { given, rest } = asked;
  nothingElse(rest);
  const began = performance.now();
  const refill = given['report-only'] !== true;
  const shown = new Map<string, number>();
  const results = await verifyCluster({
    to: gatewayUrl(given.to ?? 'http://127.0.0.1:9000'),
    refill,
    onProgress(node, checked, slots) {
      const now = performance.now();
      if (now - (shown.get(node) ?? began) < PROGRESS_EVERY_MS) return;
      shown.set(node, now);
      console.error(`${node}: ${amount(checked)} of ${amount(slots)} slots`);
    },
    ...fetches(given),
  });
  let checked = 0;
  let badSlots = 0;
  let failed = 0;
  for (const result of results) {
    checked += result.checked;
    badSlots += result.badSlots;
    for (const { why } of result.bad) console.log(`${result.node}: ${why}`);
    if (result.badSlots > result.bad.length)
      console.log(`${result.node}: and ${result.badSlots - result.bad.length} more`);
    if (result.error === undefined) continue;
    failed++;
    console.log(`${result.node}: not compared: ${result.error}`);
  }
  const verdict = badSlots === 0 ? 'none differs' : `${badSlots} bad${refill ? ', filled again' : ''}`;
  console.log(
    `${amount(checked)} slots on ${results.length - failed} of ${results.length} slaves compared with the master ` +
      `in ${duration(performance.now() - began)}: ${verdict}`,
  );
  return badSlots > 0 || failed > 0 || results.length === 0 ? 1 : 0;
});

/** A gateway is shown the key; the cluster's token only where the key does not do, as on the master and on slaves. */
function fetches(given: { key?: string; 'cluster-token-file'?: string; 'tls-ca'?: string }) {
  const { access } = readSecrets({
    clusterTokenFile: given['cluster-token-file'],
    tlsCa: given['tls-ca'],
    tlsCert: undefined,
    tlsKey: undefined,
  });
  const fetchPeer = createNodePeerFetch(access);
  const plain = createNodePeerFetch({ token: undefined, ca: access.ca });
  const fetchStatus: typeof fetch = async (url, init) => {
    const headers: HeadersInit = given.key === undefined ? {} : { 'x-api-key': given.key };
    const answer = await plain(url, { ...init, headers });
    return answer.status === 401 && access.token !== undefined ? fetchPeer(url, init) : answer;
  };
  return { fetchStatus, fetchPeer };
}
