/** What slaves and gateways may ask of the master, checked: a node of another version must get an error, not an odd state. */
import { z } from 'zod';
import { badRequest, KamaitachiError } from '../../shared/base/errors.ts';
import { HEARTBEAT_MS, MAX_WATCH_WAIT_MS } from '../../shared/base/limits.ts';
import { SLOTS, SlotSet } from '../../shared/ownership/slot.ts';

const count = z.int().min(0);
const name = z.string().min(1).max(256);
const slot = z
  .int()
  .min(0)
  .max(SLOTS - 1);
const slotSet = z.string().refine(isSlotSet);

export const tailRequest = z.object({
  node: name,
  history: z.string().max(64),
  after: count,
  taken: count.optional(),
  slots: slotSet,
  waitMs: count.transform((ms) => Math.min(ms, HEARTBEAT_MS)),
});

export const fillRequest = z.object({
  node: name,
  history: z.string().max(64),
  minSeq: count,
  slots: z.array(slot).min(1).max(SLOTS),
  maxBytes: z.int().min(1).optional(),
});

export const leaseRequest = z.object({
  member: z.object({
    id: name,
    role: z.enum(['slave', 'gateway', 'master']),
    address: name,
    weight: z.number().gt(0).max(16),
    zone: z.string().max(256),
    version: z.string().max(64),
  }),
  ttlMs: z.int().min(500).max(600_000),
});

export const leaveRequest = z.object({ id: name });

export const watchRequest = z.object({
  epoch: z.string().max(64).default(''),
  version: z
    .string()
    .regex(/^\d{1,15}$/)
    .default('0')
    .transform(Number),
  waitMs: z
    .string()
    .regex(/^\d{1,9}$/)
    .default('0')
    .transform((text) => Math.min(Number(text), MAX_WATCH_WAIT_MS)),
});

export function parseInternal<T>(schema: z.ZodType<T>, body: Uint8Array): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new KamaitachiError('bad_request', 'body: expected JSON in UTF-8');
  }
  return checkInternal(schema, value);
}

export function checkInternal<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  throw badRequest(path.join('.') || 'body', `another value (${message})`, valueAt(value, path));
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function isSlotSet(text: string): boolean {
  try {
    return SlotSet.fromBase64(text).size >= 0;
  } catch {
    return false;
  }
}
