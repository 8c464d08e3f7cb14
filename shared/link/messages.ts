/** What a gateway and a slave say to each other over a link: requests for parts of a query, their answers, the slave's state. */
import type { ErrorCode } from '../base/errors.ts';
import type { Query } from '../query/query.ts';

/** The newest protocol that this version speaks; it speaks the one before it too. What came with which: `protocol.ts`. */
export const LINK_PROTOCOL = 2;
export const LINK_PATH = '/internal/link';
export const LINK_UPGRADE = 'kamaitachi-link';
/** What a slave holds, for other slaves and for tools: `{node, history, ready}`. */
export const SLOTS_PATH = '/internal/slots';

/** First frame in both directions. A slave's carries `history` and `node`; a mismatch is refused by name. */
export interface Hello {
  /** The oldest protocol that the sender speaks. Protocol 1 demands that this is 1. */
  protocol: number;
  /** The newest one; absent = it speaks only `protocol`. */
  newest?: number;
  slots: number;
  hash: string;
  node: string;
  version: string;
  /** The database history that the slave follows; absent from a gateway, `''` while the slave knows none. */
  history?: string;
  /** A gateway's: it keeps answers, and wants to hear which slots change (`N` frames). */
  wantsNews?: boolean;
}

/** Why a part is not answered. */
export interface PartError {
  code: ErrorCode;
  message: string;
  /** Refused for what else the slave has to do, or for a slot that it does not hold (any more): others of the part it may. */
  refusal?: 'full' | 'not_held';
}

/** Pushed by the slave every HEARTBEAT_MS, and at once when what it holds changes. */
export interface SlaveState {
  history: string;
  /** Everything up to this seq is applied, in every slot it holds ready. */
  seq: number;
  /** Heard of the master within STALE_AFTER_MS, and caught up since its start. */
  fresh: boolean;
  /** Whole seconds since it last heard of the master; 0 while fresh. */
  staleSeconds: number;
  /** Base64 SlotSet of the slots that are ready; sent only when it changed since the last push on this link. */
  ready?: string;
  /** The slave is shutting down: send nothing new. */
  leaving: boolean;
  /** The slave's own clock when it said this: milliseconds, from anywhere. Absent from one that sends no news. */
  clock?: number;
  /** For so many milliseconds from then on it stays fresh though it hears no more of the master; 0 while it is not. */
  freshMs?: number;
}

/**
 * One part of a query. Subjects named in it are already narrowed to this slave; a query that asks whole slots says which
 * in `slots` (base64 SlotSet).
 */
export interface PartRequest {
  query: Query;
  slots?: string;
  /** True: this part is everything, answer the final `data`. False: answer rows with sort keys for the merge. */
  whole: boolean;
  /** 0 = whatever the slave has. */
  minSeq: number;
  /** Absent = rows. */
  shape?: AnswerShape;
}

/** Rows are text, encoded once per plan and subject; columns are raw values, for the other formats and for large answers. */
export type AnswerShape = 'rows' | 'columns';
