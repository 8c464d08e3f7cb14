/** An engine on a file of its own for tests, with a clock that stands still. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IngestLine } from '../../shared/data/lines.ts';
import type { EngineOptions, EnginePorts, EngineState } from '../engine/engine.ts';
import { type Engine, openEngine } from '../engine/engine.ts';

export interface TestEngine extends Engine {
  readonly state: EngineState;
  readonly reports: string[];
  write(
    lines: readonly (IngestLine | string)[],
    key?: { name: string; hash: string },
  ): Promise<{ accepted: number; seq: number }>;
}

/** A folder that is gone after `remove`. */
export function scratchFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'kamaitachi-master-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function openTestEngine(
  folder: string,
  options: Partial<EngineOptions> = {},
  ports: Partial<EnginePorts> = {},
): Promise<TestEngine> {
  let state!: EngineState;
  const reports: string[] = [];
  const engine = await openEngine(
    { database: `file:${folder}/k.db`, logKeepMs: 1e12, logKeepBytes: 1e12, ...options },
    {
      now: () => 1_700_000_000_000,
      onState: (now) => {
        state = now;
      },
      report: (event, fields) => void reports.push(`${event} ${JSON.stringify(fields)}`),
      ...ports,
    },
  );
  return {
    ...engine,
    get state() {
      return state;
    },
    reports,
    write(lines, key) {
      const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
      return engine.ingest({ body: new TextEncoder().encode(text), kind: 'ndjson', key });
    },
  };
}
