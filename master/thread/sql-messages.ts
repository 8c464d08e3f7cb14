/** What the main thread and the SQL worker say to each other. */
import type { ErrorCode } from '../../shared/base/errors.ts';
import type { FillRequest, SumsRequest, TailRequest } from '../../shared/data/feed.ts';
import type { Accepted } from '../engine/append.ts';
import type { EngineOptions, EngineState, IngestRequest } from '../engine/engine.ts';

export type WorkerOptions = EngineOptions;

/** What may be asked of the engine, and what it answers. */
export interface Calls {
  ingest: { request: IngestRequest; answer: Accepted };
  tail: { request: TailRequest; answer: Uint8Array };
  fill: { request: FillRequest; answer: Uint8Array };
  /** Whether no other master has taken the database over. */
  isOurs: { request: null; answer: boolean };
  sums: { request: SumsRequest; answer: Uint8Array };
  /** A page of slaves' copies; how many slots it mended. */
  mend: { request: Uint8Array; answer: number };
  close: { request: null; answer: null };
}

export type ToWorker = {
  [Name in keyof Calls]: { id: number; call: Name; request: Calls[Name]['request'] };
}[keyof Calls];

export type FromWorker =
  | { type: 'opened' }
  /** The database cannot be used; why, in one line for a person. The worker ends. */
  | { type: 'refused'; message: string }
  | { type: 'state'; state: EngineState }
  | { type: 'report'; event: string; fields: Record<string, unknown> }
  | { type: 'answer'; id: number; answer: unknown }
  /** `code` undefined: a bug, for the log; a client hears nothing of it. */
  | { type: 'failed'; id: number; code?: ErrorCode; message: string; retryAfterSeconds?: number };
