/** One import: look at each file, say what it is taken for, bring it to the gateway batch by batch, and report. */
import { existsSync } from 'node:fs';
import { type Batch, batches } from './batches.ts';
import { Client, Interrupted } from './client.ts';
import { CommandError } from './command.ts';
import { deliver } from './deliver.ts';
import type { ImportOptions } from './import-options.ts';
import { convertIngestLine, tableConverter } from './layout.ts';
import { checkOverwrites } from './overwrites.ts';
import { describe, makePlan, type Plan } from './plan.ts';
import { KnownTopics } from './pools.ts';
import { count, fresh, identityOf, openProgress, type Progress, type ProgressFile } from './progress.ts';
import { Scratch } from './read/scratch.ts';
import { type IngestSource, openSource, type TableSource } from './read/source.ts';
import { amount, Live, type Output, refusedCount, reportLines, shown } from './report.ts';

export interface Surroundings {
  output: Output;
  /** Ctrl-C. */
  signal: AbortSignal;
  wait?(ms: number, signal: AbortSignal): Promise<void>;
}

/** Lines shown by a dry run. */
const SHOWN = 3;

/** Whether every row of every file was written. */
export async function importFiles(
  files: readonly string[],
  options: ImportOptions,
  around: Surroundings,
): Promise<boolean> {
  const scratch = new Scratch();
  try {
    return await importAll(files, options, around, scratch);
  } finally {
    scratch.remove();
  }
}

async function importAll(
  files: readonly string[],
  options: ImportOptions,
  around: Surroundings,
  scratch: Scratch,
): Promise<boolean> {
  // All files are looked at before anything is written: a typo in the last name should not surface an hour later.
  const prepared = [];
  for (const file of files) {
    const { table, sheet, skip, encoding, jsonPath } = options;
    const source = await openSource(file, { table, sheet, skip, encoding, jsonPath }, scratch);
    if (source.kind === 'ingest') {
      checkIngest(file, options);
      prepared.push({ file, source, says: [] });
    } else {
      const plan = makePlan(file, source, options);
      const says = [...describe(plan), ...checkOverwrites(file, plan, source.sample, options)];
      prepared.push({ file, source, plan, says });
    }
  }
  const last = { seq: 0 };
  let whole = true;
  for (const { file, source, plan, says } of prepared) {
    around.output.say(`${file}: ${[source.says, ...says].join('\n  ')}`);
    const opened = open(source, plan);
    const progress = options.dryRun
      ? await dryRun(opened, around)
      : await send(file, source.origin, opened, options, around, last);
    if (plan?.layout === 'long')
      for (const [from, to] of plan.names.changed()) around.output.say(`  "${from}" became indicator ${to}`);
    for (const line of progress.report(file)) around.output.say(line);
    whole &&= refusedCount(progress.progress) === 0;
  }
  return whole;
}

interface Outcome {
  progress: Progress;
  report(file: string): string[];
}

/** Ingest lines say everything themselves. */
function checkIngest(file: string, options: ImportOptions): void {
  const { to, key, dryRun, periodEnd, encoding, jsonPath, ...rest } = options;
  const given = Object.entries({ ...rest, periodEnd: periodEnd || undefined }).find(
    ([, value]) => value !== undefined,
  );
  if (given === undefined) return;
  const option = given[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new CommandError(
    `--${option}: ${file} is in the ingest format already; expected no options about its columns`,
    2,
  );
}

function open(source: TableSource | IngestSource, plan: Plan | undefined): AsyncGenerator<Batch> {
  return source.kind === 'ingest'
    ? batches(source.read(), convertIngestLine)
    : batches(source.read(), tableConverter(plan!));
}

async function dryRun(opened: AsyncGenerator<Batch>, { output, signal }: Surroundings): Promise<Outcome> {
  const live = new Live(output);
  const progress = fresh('');
  for await (const { lines, refused, rows, done } of opened) {
    if (signal.aborted) throw new Interrupted();
    if (progress.batches++ === 0)
      for (const { text } of lines.slice(0, SHOWN)) output.say(`  ${text.slice(0, 300)}`);
    if (refusedCount(progress) < SHOWN)
      for (const { line, row, reason, value } of refused.slice(0, SHOWN))
        output.say(`  line ${line}, row ${row}: ${reason}, got ${shown(value)}`);
    progress.rows += rows;
    for (const { observations } of lines) progress.observations += observations;
    count(progress.refused, refused);
    live.update(progress.rows, progress.observations, 0, done);
  }
  live.clear();
  return { progress, report: (file) => reportLines(file, progress, live.elapsedMs, undefined, true) };
}

async function send(
  file: string,
  origin: string,
  opened: AsyncGenerator<Batch>,
  options: ImportOptions,
  around: Surroundings,
  last: { seq: number },
): Promise<Outcome> {
  const store = openProgress(file, await identityOf(origin, options));
  try {
    return await sendAll(file, opened, store, options, around, last);
  } catch (error) {
    // Nothing to carry on with.
    if (store.progress.batches === 0) store.remove();
    throw error;
  }
}

async function sendAll(
  file: string,
  opened: AsyncGenerator<Batch>,
  store: ProgressFile,
  options: ImportOptions,
  around: Surroundings,
  last: { seq: number },
): Promise<Outcome> {
  const { output, signal, wait } = around;
  const { progress } = store;
  const live = new Live(output);
  if (store.resumed && progress.batches > 0)
    output.say(`  carries on behind row ${amount(progress.rows)}, where it was stopped`);
  const client = new Client({
    to: options.to,
    key: options.key,
    signal,
    last,
    wait,
    notice: (text) => live.notice(text),
  });
  const known = new KnownTopics(client);
  const before = { ...progress };
  let from = 0;
  let batch = await opened.next();
  while (!batch.done) {
    const { index, lines, refused, rows, done } = batch.value;
    // The next batch is read while this one is on its way.
    const next = opened.next();
    // Should sending fail first, a failure to read is of no more interest; awaiting `next` below still reports it.
    next.catch(() => undefined);
    if (index < before.batches) from = done;
    else {
      if (signal.aborted) throw new Interrupted();
      const ready = await known.keep(lines);
      const delivered = await deliver(client, ready, `import-${progress.run}-${index}`);
      store.add(file, { ...delivered, rows, refused: [...refused, ...delivered.refused] });
      live.update(progress.rows - before.rows, progress.observations - before.observations, from, done);
    }
    batch = await next;
  }
  live.clear();
  store.remove();
  const rejects = existsSync(store.rejectsPath) ? store.rejectsPath : undefined;
  return { progress, report: (name) => reportLines(name, progress, live.elapsedMs, rejects, false) };
}
