/** `npm run restore`: a backup, or what slaves hold, in the place of the master's database, which is kept aside. */
import process from 'node:process';
import { type Restored, restore } from '../../master/store/copy.ts';
import { type Rebuilt, rebuild } from '../../master/store/rebuild.ts';
import { commandOf } from '../../shared/base/program.ts';
import { SLOTS } from '../../shared/ownership/slot.ts';
import { CommandError, type Given, gatewayUrl, type Options, readTool } from '../command.ts';
import { amount, duration } from '../import/report.ts';
import { DATABASE_OPTIONS, databaseFile, runCommand } from './database.ts';
import { chooseHistory, findHolders, type Gathered, gather } from './from-slaves.ts';
import { findSlaves, PEER_OPTIONS, peerFetches } from './peers.ts';

const OPTIONS = {
  'from-slaves': {
    says: 'rebuild the database from the slots that slaves hold; the slaves must run, the master must not serve',
  },
  to: {
    value: 'URL',
    says: 'with --from-slaves: who knows the slaves: a gateway, a master without its database, or one slave; http://127.0.0.1:9000 by default',
  },
  slaves: { value: 'HOST:PORT,…', says: 'with --from-slaves: the slaves themselves' },
  history: { value: 'ID', says: 'with --from-slaves: the history to take, where slaves hold several' },
  partly: {
    says: 'with --from-slaves: also where some slots are held by nobody; those are empty then',
  },
  ...PEER_OPTIONS,
  ...DATABASE_OPTIONS,
} as const satisfies Options;

const TOOL = {
  usage: `${commandOf('restore')} BACKUP [options]\n       ${commandOf('restore')} --from-slaves [options]`,
  says: "Checks a backup, or what slaves hold, and puts it in the place of the master's database; the master must be stopped. What is there is kept as kamaitachi.db.old. The history gets a new id, so that slaves drop what they have and fill again by themselves, one after the other.",
  options: OPTIONS,
};

process.exitCode = await runCommand('restore', async () => {
  const asked = readTool(TOOL, process.argv.slice(2), process.env);
  if (asked === undefined) return 0;
  const { given, rest } = asked;
  const began = performance.now();
  const fromSlaves = given['from-slaves'] === true;
  if (rest.length !== (fromSlaves ? 0 : 1))
    throw new CommandError(
      fromSlaves
        ? `${rest[0]}: expected no backup with --from-slaves`
        : `expected one backup, or --from-slaves, got ${rest.length} (--help says more)`,
      2,
    );
  tell(fromSlaves ? await restoreFromSlaves(given) : restore(rest[0], databaseFile(given)), began);
  return 0;
});

async function restoreFromSlaves(
  given: Given<typeof OPTIONS>,
): Promise<Rebuilt & { path: string; old: string | undefined }> {
  const { fetchStatus, fetchPeer } = peerFetches(given);
  const slaves =
    given.slaves === undefined
      ? await findSlaves(gatewayUrl(given.to ?? 'http://127.0.0.1:9000'), fetchStatus)
      : given.slaves.split(',').map((address) => ({ node: address.trim(), address: address.trim() }));
  const holders = await findHolders(slaves, fetchPeer);
  const history = chooseHistory(holders, given.history);
  const of = holders.filter((holder) => holder.history === history);
  const missing = SLOTS - new Set(of.flatMap(({ ready }) => [...ready])).size;
  if (missing > 0 && given.partly !== true)
    throw new CommandError(
      `${amount(missing)} of ${amount(SLOTS)} slots are held by none of ${of.map(({ node }) => node).join(', ')}: ` +
        'start the slaves that hold them, or take what there is with --partly',
    );
  const gathered: Gathered = { bySeq: new Map(), missing: [], notes: [] };
  const seq = Math.max(...of.map((holder) => holder.seq));
  const rest = async function* () {
    yield* gather(holders, history, gathered, fetchPeer);
    // Before the database is put in its place.
    if (gathered.missing.length > 0 && given.partly !== true)
      throw new CommandError(
        [
          `${amount(gathered.missing.length)} slots could not be had, the first is ${gathered.missing[0]} (with --partly the others are taken)`,
          ...gathered.notes.slice(0, 20),
        ].join('\n'),
      );
  };
  const made = await rebuild(databaseFile(given), { history, seq }, rest());
  for (const note of gathered.notes) console.error(note);
  for (const [at, slots] of [...gathered.bySeq].sort(([a], [b]) => b - a))
    console.log(`${amount(slots)} slots as of seq ${at} of history ${history}`);
  if (gathered.missing.length > 0)
    console.log(
      `${amount(gathered.missing.length)} slots are empty: ${gathered.missing.slice(0, 20).join(', ')} …`,
    );
  console.log('Idempotency keys are lost: a write that is sent again with one is written again.');
  return made;
}

function tell(made: (Rebuilt | Restored) & { path: string; old: string | undefined }, began: number): void {
  const { path, old, history, seq, subjects, chunks } = made;
  console.log(
    `${path}: seq ${seq} of the new history ${history}, ${amount(subjects)} subjects, ${amount(chunks)} chunks, ` +
      `checked, in ${duration(performance.now() - began)}${old === undefined ? '' : `; what was there is ${old}`}`,
  );
  console.log('Start the master: slaves notice the new history and fill again by themselves.');
}
