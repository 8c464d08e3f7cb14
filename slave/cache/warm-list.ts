/** The list of what is warm, saved now and then and read back at the start: a restarted slave is warm, and never stale. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { PERIOD_COLUMN } from '../../shared/data/block.ts';
import type { SubjectCache, WarmList } from './cache.ts';
import type { Directory } from './directory.ts';

/** Subjects loaded in one turn of the loop: about 3 ms. */
const LOADS_A_TURN = 32;

export async function saveWarmList(path: string, cache: SubjectCache): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(cache.warmList()));
  await rename(`${path}.new`, path);
}

/** The list saved last; empty where there is none or it cannot be read, since it is only a help. */
export async function readWarmList(path: string): Promise<WarmList> {
  try {
    const list: unknown = JSON.parse(await readFile(path, 'utf8'));
    return Array.isArray(list) && list.every(isWarm) ? (list as WarmList) : [];
  } catch {
    return [];
  }
}

function isWarm(item: unknown): boolean {
  if (!Array.isArray(item) || typeof item[0] !== 'string') return false;
  const columns: unknown = item[1];
  return columns === null || (Array.isArray(columns) && columns.every((name) => typeof name === 'string'));
}

/** Loads what is on the list and still held, the subjects used last first, until the cache is nearly full. */
export async function warm(list: WarmList, directory: Directory, cache: SubjectCache): Promise<number> {
  const loaded: string[] = [];
  for (const [i, [subject, columns]] of list.entries()) {
    const record = directory.get(subject);
    if (record === undefined) continue;
    const need = {
      kind: 'value',
      columns: columns ?? [PERIOD_COLUMN],
      time: Infinity,
      asOf: Infinity,
    } as const;
    if (!cache.warm(record, need)) break;
    loaded.push(subject);
    if (i % LOADS_A_TURN === LOADS_A_TURN - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  // Loaded last means used last to the cache: without this what is hottest would be the first to go.
  for (const subject of loaded.reverse()) cache.use(subject);
  return loaded.length;
}
