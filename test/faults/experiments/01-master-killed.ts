import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import { masterCommand } from '../../../cli/start/commands.ts';
import { Part } from '../../../cli/start/part.ts';
import { parseOptions } from '../../../shared/options/config.ts';
import { call, inParallel } from '../../support/cluster.ts';
import { type Experiment, emptyFinding, type Finding, type Stage, times } from '../experiment.ts';

const WRITERS = 4;
const LONGEST_MS = 250;
const RETRY_MS = 10;

/** The master alone, killed at any moment of taking writes in. */
export const masterKilled: Experiment = {
  number: 1,
  name: '`kill -9` of the master 200 times during ingest, writes repeated under their keys',
  isQuick: true,
  isLaw: false,
  run: kill,
};

async function kill(stage: Stage): Promise<Finding> {
  const finding = emptyFinding();
  const dataDir = mkdtempSync(join(tmpdir(), 'kamaitachi-faults-'));
  const options = parseOptions([`--data-dir=${dataDir}`, '--log-level=warn'], {});
  const master = new Part({
    name: 'master',
    port: 0,
    command: (port) => masterCommand(options, port),
    onLine: () => {},
  });
  const acknowledged = new Map<string, number>();
  const state = { isGoing: true };
  try {
    await master.start();
    const writing = inParallel([...Array(WRITERS).keys()], WRITERS, (writer) =>
      write(writer, master, state, acknowledged, finding),
    );
    const kills = times(stage, 200, 4);
    const startedAt = performance.now();
    for (let i = 0; i < kills; i++) {
      await sleep(stage.random() * LONGEST_MS);
      await master.stop('SIGKILL');
      await master.start();
    }
    state.isGoing = false;
    await writing;
    await master.stop();
    finding.requests = acknowledged.size;
    finding.recoveryMs = (performance.now() - startedAt) / kills;
    check(join(dataDir, 'master', 'kamaitachi.db'), acknowledged, finding);
    finding.notes.push(
      `${kills} kills, ${acknowledged.size} writes acknowledged; recovered: a round of kill, start and writes`,
    );
    return finding;
  } finally {
    state.isGoing = false;
    await master.stop('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** One write after the other, each sent again under its key until it is acknowledged; what is, may not be lost. */
async function write(
  writer: number,
  master: Part,
  state: { isGoing: boolean },
  acknowledged: Map<string, number>,
  finding: Finding,
): Promise<void> {
  let last = 0;
  for (let i = 0; state.isGoing; i++) {
    const subject = `killed:${writer}-${i}`;
    const body = JSON.stringify({ type: 'record', subject, time: i, values: { writer } });
    for (;;) {
      const answer = await call(`${master.url}/kamaitachi/api/data/v1/ingest`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': subject },
        body,
      }).catch(() => undefined);
      if (answer?.status === 200) {
        const { seq } = answer.body.data as { seq: number };
        if (seq <= last) finding.breaches.push(`${subject}: expected a seq over ${last}, got ${seq}`);
        last = seq;
        acknowledged.set(subject, seq);
        break;
      }
      if (answer !== undefined && answer.status !== 503)
        finding.breaches.push(`${subject}: ${answer.status} ${answer.body.status_msg}`);
      await sleep(RETRY_MS);
    }
  }
}

/** The log itself says what was written, and how often. */
function check(file: string, acknowledged: ReadonlyMap<string, number>, finding: Finding): void {
  const database = new Database(file);
  const entries = database.prepare('SELECT seq, part, body FROM log ORDER BY seq, part').all() as {
    seq: number;
    body: ArrayBuffer;
  }[];
  database.close();
  const seqs = new Map<string, number[]>();
  for (const { seq, body } of entries)
    for (const [, subject] of Buffer.from(body)
      .toString('latin1')
      .matchAll(/"subject":"(killed:[\d-]+)"/g))
      seqs.set(subject, [...(seqs.get(subject) ?? []), seq]);
  let lost = 0;
  let twice = 0;
  for (const [subject, seq] of acknowledged) {
    const there = seqs.get(subject) ?? [];
    if (!there.includes(seq)) lost++;
    if (there.length > 1) twice++;
  }
  finding.failed = lost;
  finding.wrong = twice;
  if (lost > 0) finding.breaches.push(`${lost} acknowledged writes are not in the log`);
  if (twice > 0) finding.breaches.push(`${twice} writes are in the log twice`);
}
