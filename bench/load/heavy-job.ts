/** What the benchmark and its client of heavy work say to each other. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { loaderFlags, ownFile } from '../../shared/adapter/own-code.ts';
import type { Ingested, SampleSize } from '../modes/ingest.ts';
import type { BenchRequest } from '../modes/scenarios.ts';

export type Heavy =
  /** Makes the lines of a sample and keeps them, so that their making is not measured. */
  | { kind: 'lines'; sample: SampleSize }
  /** Brings those lines in. */
  | { kind: 'ingest'; url: string; sample: SampleSize }
  | { kind: 'ask'; url: string; request: BenchRequest; answers: number; atOnce: number };

export interface ToHeavy {
  job: Heavy;
}
export type FromHeavy =
  | { type: 'progress'; share: number }
  | { type: 'done'; result: unknown }
  | { type: 'failed'; why: string };

export class HeavyClient {
  private readonly child: ChildProcess = fork(ownFile(fileURLToPath(new URL('heavy.ts', import.meta.url))), {
    execArgv: loaderFlags(),
    serialization: 'advanced',
  });

  async makeLines(sample: SampleSize): Promise<void> {
    await this.run({ kind: 'lines', sample });
  }

  async ingest(url: string, sample: SampleSize, onProgress: (share: number) => void): Promise<Ingested> {
    return (await this.run({ kind: 'ingest', url, sample }, onProgress)) as Ingested;
  }

  async ask(url: string, request: BenchRequest, answers: number, atOnce: number): Promise<void> {
    await this.run({ kind: 'ask', url, request, answers, atOnce });
  }

  close(): void {
    if (this.child.connected) this.child.disconnect();
  }

  /** One job at a time. */
  private run(job: Heavy, onProgress: (share: number) => void = () => {}): Promise<unknown> {
    const { child } = this;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        child.off('message', hear);
        child.off('exit', gone);
        settle();
      };
      const hear = (message: FromHeavy) => {
        if (message.type === 'progress') onProgress(message.share);
        else if (message.type === 'done') end(() => resolve(message.result));
        else end(() => reject(new Error(message.why)));
      };
      const gone = () => end(() => reject(new Error('the client of heavy work ended')));
      child.on('message', hear);
      child.once('exit', gone);
      child.send({ job } satisfies ToHeavy);
    });
  }
}
