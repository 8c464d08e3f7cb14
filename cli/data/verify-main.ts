/** `npm run verify`: compares every slave with the master, slot by slot. */

import process from 'node:process';
import { commandOf } from '../../shared/base/program.ts';
import { gatewayUrl, nothingElse, type Options, readTool } from '../command.ts';
import { amount, duration } from '../import/report.ts';
import { runCommand } from './database.ts';
import { PEER_OPTIONS, peerFetches } from './peers.ts';
import { verifyCluster } from './verify.ts';

const OPTIONS = {
  to: {
    value: 'URL',
    says: 'a gateway, the master, or one slave; http://127.0.0.1:9000 by default',
  },
  'report-only': {
    says: 'say what differs, and leave it; else it is filled again from the master',
  },
  ...PEER_OPTIONS,
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
    ...peerFetches(given),
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
