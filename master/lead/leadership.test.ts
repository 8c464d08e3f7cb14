import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLeadership, type Leadership } from './leadership.ts';

let now = 0;
let heldUntil = 0;
let isOurs: () => Promise<boolean>;
let leadership: Leadership;
beforeEach(() => {
  vi.useFakeTimers();
  now = 0;
  heldUntil = 5_000;
  isOurs = () => Promise.reject(new Error('the database is away'));
  leadership = createLeadership({ now: () => now, heldUntil: () => heldUntil, isOurs: () => isOurs() });
});
afterEach(() => {
  leadership.close();
  vi.useRealTimers();
});

it('a master is sure of itself while its lease lives, whatever the database does', async () => {
  await leadership.ask();
  now = 4_999;
  expect(leadership.isSure()).toBe(true);
  now = 5_000;
  expect(leadership.isSure()).toBe(false);
});

it('past its lease it goes by what the database said within a second, counted from the question', async () => {
  now = 6_000;
  let answer = (_: boolean) => {};
  isOurs = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const asked = leadership.ask();
  now = 6_400;
  expect(leadership.isSure()).toBe(false);
  answer(true);
  await asked;
  now = 7_000;
  expect(leadership.isSure()).toBe(true);
  now = 7_001;
  expect(leadership.isSure()).toBe(false);
});

it('woken from a long sleep it is not sure, until it has asked', async () => {
  isOurs = async () => true;
  await vi.advanceTimersByTimeAsync(300);
  now = 3_600_000;
  expect(leadership.isSure()).toBe(false);
  await vi.advanceTimersByTimeAsync(300);
  expect(leadership.isSure()).toBe(true);
});

it('a database that is not ours confirms nothing', async () => {
  now = 6_000;
  isOurs = async () => false;
  await leadership.ask();
  expect(leadership.isSure()).toBe(false);
});
