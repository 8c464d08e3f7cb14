/** One import: look at each file, say what it is taken for, bring it to the gateway batch by batch, and report. */
import { existsSync } from 'node:fs';
import { CommandError } from '../command.ts';
import { Client, Interrupted } from './client.ts';
import { convertIngestLine, tableConverter } from './convert/convert.ts';
import { explain } from './explain.ts';
import { openedAgain, type Shape, sampleShare, shapeOf, shapesOf, withSample } from './files.ts';
import type { ImportOptions } from './import-options.ts';
import { describe } from './plan/describe.ts';
import { eurostatTable } from './plan/eurostat.ts';
import { makePlan, planFor } from './plan/make-plan.ts';
import type { Plan } from './plan/plan.ts';
import { Replaced } from './plan/replaced.ts';
import { STDIN } from './read/content.ts';
import { Scratch } from './read/scratch.ts';
import { type IngestSource, openSource, type Source, type TableSource } from './read/source.ts';
import { amount, Live, type Output, refusedCount, reportLines, shown } from './report.ts';
import { type Batch, batches } from './send/batches.ts';
import { deliver } from './send/deliver.ts';
import { KnownTopics } from './send/pools.ts';
import { count, fresh, identityOf, openProgress, type Progress, type ProgressFile } from './send/progress.ts';

export interface Surroundings {
  output: Output;
  /** Ctrl-C. */
  signal: AbortSignal;
  wait?(ms: number, signal: AbortSignal): Promise<void>;
}

/** Lines shown by a dry run. */
const SHOWN = 3;

/** More files than this are opened once more when their turn comes: each keeps its beginning in memory. */
const KEPT_OPEN = 16;

interface Opened {
  source: Source;
  /** Of Eurostat's tables. */
  dimensions?: number;
}

interface Table {
  file: string;
  source: TableSource;
  plan: Plan;
  says: string[];
}

/** Without its source. */
interface Planned {
  file: string;
  plan: Plan;
  says: string[];
}

type Prepared = { file: string; source: IngestSource; plan: undefined; says: string[] } | Table;

/** Whether every row of every file was written. */
export async function importFiles(
  files: readonly string[],
  options: ImportOptions,
  around: Surroundings,
): Promise<boolean> {
  const scratch = new Scratch();
  const replaced = new Replaced(options, () => scratch.folder());
  try {
    // All files are looked at before anything is written: a typo in the last name should not surface an hour later.
    const prepared = await prepare(files, options, replaced, scratch);
    if (options.explain) {
      for (const { file, source, plan, says } of prepared) {
        around.output.say(`${file}: ${[source.says, ...says].join('\n  ')}`);
        for (const line of await explain(file, source, plan, options)) around.output.say(line);
      }
      return true;
    }
    const whole = await importPrepared(prepared, options, around, replaced);
    await replaced.finish(prepared.filter((one): one is Table => one.plan !== undefined));
    for (const line of replaced.report()) around.output.say(line);
    return whole;
  } finally {
    replaced.close();
    scratch.remove();
  }
}

async function prepare(
  files: readonly string[],
  options: ImportOptions,
  replaced: Replaced,
  scratch: Scratch,
): Promise<Prepared[]> {
  const opened: (Opened & { file: string })[] = [];
  for (const file of files) {
    const open = async (): Promise<Opened> => {
      const { table, sheet, skip, encoding, jsonPath } = options;
      const source = await openSource(file, { table, sheet, skip, encoding, jsonPath }, scratch);
      const eurostat = source.kind === 'table' ? eurostatTable(source) : undefined;
      return { source: eurostat?.table ?? source, dimensions: eurostat?.dimensions };
    };
    const { source, dimensions } = await open();
    if (source.kind === 'ingest') checkIngest(file, options);
    const isLight = files.length > KEPT_OPEN && file !== STDIN;
    const kept = isLight ? openedAgain(source, async () => (await open()).source) : source;
    opened.push({ file, source: withSample(kept, sampleShare(files.length)), dimensions });
  }
  const shapes = shapesOf(
    opened.flatMap(({ file, source }) => (source.kind === 'table' ? [{ file, source }] : [])),
  );
  const plans = new Map<Shape, Planned | undefined>();
  return opened.map(({ file, source, dimensions }) => {
    if (source.kind === 'ingest') return { file, source, plan: undefined, says: [] };
    const shape = shapes.get(shapeOf(source.columns))!;
    const { name, separator } = source;
    const make = (from: Pick<Shape, 'columns' | 'sample'>): Planned => {
      const { columns, sample } = from;
      const plan = makePlan(file, { name, separator, dimensions, columns, sample }, options);
      return { file, plan, says: [...describe(plan), ...replaced.check(file, plan, sample)] };
    };
    if (!plans.has(shape))
      plans.set(shape, shape.files.length === 1 ? undefined : together(() => make(shape)));
    const shared = plans.get(shape);
    const own = shared === undefined ? make(source) : ofShape(shared, file, name, shape.files.length);
    // The first rows have told what they can, and there may be thousands of files.
    return { ...own, source: { ...source, sample: options.explain ? source.sample : [] } };
  });
}

/** Files with the same columns may still write their times in different ways: then each is planned by itself. */
function together(make: () => Planned): Planned | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof CommandError && /^--time-(format|column)/.test(error.message)) return undefined;
    throw error;
  }
}

/** The plan of a shape for one of its files, and what it says that the first one did not. */
function ofShape(
  { file: first, plan: shared, says }: Planned,
  file: string,
  name: string,
  files: number,
): Planned {
  const plan = planFor(shared, name);
  if (file === first) return { file, plan, says: [`with ${files - 1} more of the same columns`, ...says] };
  const known = describe(shared);
  return { file, plan, says: [`as ${first}`, ...describe(plan).filter((line) => !known.includes(line))] };
}

async function importPrepared(
  prepared: readonly Prepared[],
  options: ImportOptions,
  around: Surroundings,
  replaced: Replaced,
): Promise<boolean> {
  const last = { seq: 0 };
  let whole = true;
  for (const one of prepared) {
    const { file, source, plan, says } = one;
    around.output.say(`${file}: ${[source.says, ...says].join('\n  ')}`);
    const opened =
      plan === undefined
        ? batches(source.read(), convertIngestLine)
        : batches(source.read(), tableConverter(plan, replaced.watch(plan)), () => replaced.take());
    const outcome = options.dryRun
      ? await dryRun(opened, around)
      : await send(one, opened, options, around, last, replaced);
    if (plan?.layout === 'long')
      for (const [from, to] of plan.names.changed()) around.output.say(`  "${from}" became indicator ${to}`);
    for (const line of outcome.report(file)) around.output.say(line);
    const { undeclared } = outcome.progress;
    if (undeclared > 0)
      around.output.say(
        `  ${amount(undeclared)} ${undeclared === 1 ? 'row says' : 'rows say'} nothing in ${plan!.declared!.at.map((at) => `"${plan!.columns[at]}"`).join(' or ')}: its values count as always known`,
      );
    whole &&= refusedCount(outcome.progress) === 0;
  }
  return whole;
}

interface Outcome {
  progress: Progress;
  report(file: string): string[];
}

/** Ingest lines say everything themselves. */
function checkIngest(file: string, options: ImportOptions): void {
  const { to, key, tlsCa, dryRun, explain, periodEnd, noDeclared, encoding, jsonPath, ...rest } = options;
  const flags = { periodEnd: periodEnd || undefined, noDeclared: noDeclared || undefined };
  const given = Object.entries({ ...rest, ...flags }).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  const option = given[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new CommandError(
    `--${option}: ${file} is in the ingest format already; expected no options about its columns`,
    2,
  );
}

async function dryRun(opened: AsyncGenerator<Batch>, { output, signal }: Surroundings): Promise<Outcome> {
  const live = new Live(output);
  const progress = fresh('');
  for await (const { lines, refused, rows, undeclared, done } of opened) {
    if (signal.aborted) throw new Interrupted();
    if (progress.batches++ === 0)
      for (const { text } of lines.slice(0, SHOWN)) output.say(`  ${text.slice(0, 300)}`);
    if (refusedCount(progress) < SHOWN)
      for (const { line, row, reason, value } of refused.slice(0, SHOWN))
        output.say(`  line ${line}, row ${row}: ${reason}, got ${shown(value)}`);
    progress.rows += rows;
    progress.undeclared += undeclared;
    for (const { observations } of lines) progress.observations += observations;
    count(progress.refused, refused);
    live.update(progress.rows, progress.observations, 0, done);
  }
  live.clear();
  return { progress, report: (file) => reportLines(file, progress, live.elapsedMs, undefined, true) };
}

async function send(
  one: Prepared,
  opened: AsyncGenerator<Batch>,
  options: ImportOptions,
  around: Surroundings,
  last: { seq: number },
  replaced: Replaced,
): Promise<Outcome> {
  const { file, source, says } = one;
  const store = openProgress(file, await identityOf(source.origin, options, says));
  try {
    return await sendAll(one, opened, store, options, around, last, replaced);
  } catch (error) {
    // Nothing to carry on with.
    if (store.progress.batches === 0) store.remove();
    throw error;
  }
}

async function sendAll(
  one: Prepared,
  opened: AsyncGenerator<Batch>,
  store: ProgressFile,
  options: ImportOptions,
  around: Surroundings,
  last: { seq: number },
  replaced: Replaced,
): Promise<Outcome> {
  const { output, signal, wait } = around;
  const { progress } = store;
  const live = new Live(output);
  if (store.resumed && progress.batches > 0)
    output.say(`  carries on behind row ${amount(progress.rows)}, where it was stopped`);
  const client = new Client({
    to: options.to,
    key: options.key,
    tlsCa: options.tlsCa,
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
    if (batch.value.replaced > 0 && one.plan !== undefined) {
      live.clear();
      await replaced.stop(one);
    }
    // The next batch is read while this one is on its way.
    const next = opened.next();
    // Should sending fail first, a failure to read is of no more interest; awaiting `next` below still reports it.
    next.catch(() => undefined);
    if (index < before.batches) from = done;
    else {
      if (signal.aborted) throw new Interrupted();
      const ready = await known.keep(lines);
      const delivered = await deliver(client, ready, `import-${progress.run}-${index}`);
      const { undeclared } = batch.value;
      store.add(one.file, { ...delivered, rows, undeclared, refused: [...refused, ...delivered.refused] });
      live.update(progress.rows - before.rows, progress.observations - before.observations, from, done);
    }
    batch = await next;
  }
  live.clear();
  store.remove();
  const rejects = existsSync(store.rejectsPath) ? store.rejectsPath : undefined;
  return { progress, report: (name) => reportLines(name, progress, live.elapsedMs, rejects, false) };
}
