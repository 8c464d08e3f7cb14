/** The main thread's side of the SQL worker: calls become messages, and the engine's state is known without asking. */
import { Worker } from 'node:worker_threads';
import { KamaitachiError } from '../../shared/base/errors.ts';
import type { EngineState } from '../engine/engine.ts';
import type { Calls, FromWorker, ToWorker, WorkerOptions } from './sql-messages.ts';

export interface SqlClient {
  /** As of the last change; whoever is answered afterwards finds their own write in it. */
  readonly state: EngineState;
  ask<Name extends keyof Calls>(
    call: Name,
    request: Calls[Name]['request'],
    transfer?: ArrayBuffer[],
  ): Promise<Calls[Name]['answer']>;
  /** Calls `look` after every change of the state. */
  onState(look: (state: EngineState) => void): void;
  /** Resolves when the head is over `seq`, or after `waitMs`. */
  headOver(seq: number, waitMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface SqlClientPorts {
  report: (event: string, fields: Record<string, unknown>) => void;
  /** The worker is gone without having been asked: nothing can go on. */
  onDeath: (error: unknown) => void;
}

interface Asked {
  resolve: (answer: never) => void;
  reject: (error: unknown) => void;
}

/** Starts the worker and waits until the database is open. */
export async function startSqlWorker(
  options: WorkerOptions,
  { report, onDeath }: SqlClientPorts,
): Promise<SqlClient> {
  const worker = new Worker(new URL('./sql-worker.mjs', import.meta.url), { workerData: options });
  const asked = new Map<number, Asked>();
  const watchers = new Set<() => void>();
  let state: EngineState | undefined;
  let lastId = 0;
  let closing = false;
  let opened = () => {};

  const receive = (message: FromWorker) => {
    switch (message.type) {
      case 'opened':
        return opened();
      case 'state':
        state = message.state;
        for (const look of watchers) look();
        return;
      case 'refused':
        return;
      case 'report':
        return report(message.event, message.fields);
      case 'answer':
        asked.get(message.id)?.resolve(message.answer as never);
        break;
      case 'failed':
        asked.get(message.id)?.reject(errorOf(message));
    }
    asked.delete(message.id);
  };

  await new Promise<void>((resolve, reject) => {
    opened = resolve;
    let isOpen = false;
    const die = (error: unknown) => {
      for (const { reject } of asked.values())
        reject(new KamaitachiError('unavailable', 'master: it stopped'));
      asked.clear();
      if (!isOpen) reject(error);
      else if (!closing) onDeath(error);
    };
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'opened') isOpen = true;
      if (message.type === 'refused') reject(new KamaitachiError('unavailable', message.message));
      receive(message);
    });
    worker.on('error', die);
    worker.on('exit', (code) => die(new Error(`SQL worker: ended with ${code}`)));
  });

  const ask: SqlClient['ask'] = (call, request, transfer = []) =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      asked.set(id, { resolve, reject });
      worker.postMessage({ id, call, request } as ToWorker, transfer);
    });

  return {
    get state() {
      return state!;
    },
    ask,
    onState(look) {
      watchers.add(() => look(state!));
    },
    headOver(seq, waitMs) {
      if (state!.head > seq || waitMs <= 0) return Promise.resolve();
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          watchers.delete(look);
          resolve();
        };
        const look = () => {
          if (state!.head > seq || closing) done();
        };
        const timer = setTimeout(done, waitMs);
        watchers.add(look);
      });
    },
    async close() {
      closing = true;
      for (const look of watchers) look();
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      await ask('close', null);
      await exited;
    },
  };
}

function errorOf({ code, message, retryAfterSeconds }: FromWorker & { type: 'failed' }): Error {
  return code === undefined ? new Error(message) : new KamaitachiError(code, message, retryAfterSeconds);
}
