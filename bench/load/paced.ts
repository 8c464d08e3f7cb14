/**
 * Requests at a given rate, whatever becomes of those before: each has a time when it ought to be sent, and its latency
 * counts from then, so that a stall is felt by all that it kept waiting (coordinated omission). autocannon's own rate
 * sends the requests of a second in one burst and corrects by one millisecond, so this is not its work.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './connection.ts';
import type { Job } from './job.ts';
import type { Tally } from './tally.ts';

const TIMEOUT_MS = 30_000;

export async function runPaced(job: Job, tally: Tally, isStopped: () => boolean): Promise<void> {
  const { requests, rate = 0, amount = Infinity, seconds = Infinity } = job;
  const wanted = new Set(job.keep);
  const end = Math.min(amount, Math.floor(seconds * rate));
  const idle = Array.from({ length: job.connections }, () => new Connection(job.url, TIMEOUT_MS, job.key));
  const all = [...idle];
  const underWay = new Set<Promise<void>>();
  tally.start();
  const startedAt = performance.now();
  let sent = 0;

  /** Sends what is due, as far as there are connections; the rest goes when one is free, and is late. */
  const sendDue = () => {
    const due = Math.min(end, Math.floor(((performance.now() - startedAt) * rate) / 1000) + 1);
    while (sent < due && idle.length > 0 && !isStopped()) send(idle.pop()!, sent++);
  };
  const send = (connection: Connection, number: number) => {
    const index = number % requests.length;
    const dueAt = startedAt + (number * 1000) / rate;
    const one = connection
      .ask(requests[index])
      .then(({ status, body }) => {
        tally.answered(status, Math.max(0, performance.now() - dueAt), requests[index].isWrite);
        if (wanted.has(index)) tally.keep({ index, status, body });
      })
      .catch(() => {
        tally.failed++;
      })
      .finally(() => {
        underWay.delete(one);
        idle.push(connection);
        sendDue();
      });
    underWay.add(one);
  };

  while (sent < end && !isStopped()) {
    sendDue();
    await sleep(Math.max(1, startedAt + (sent * 1000) / rate - performance.now()));
  }
  await Promise.all(underWay);
  for (const connection of all) connection.close();
}
