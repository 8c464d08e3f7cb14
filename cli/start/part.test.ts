import process from 'node:process';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { isRunning, sessionOf } from '../../test/support/processes.ts';
import type { Command } from './commands.ts';
import { Part, type PartOptions } from './part.ts';

const LISTEN = `
  const server = require('node:http').createServer((_, answer) => answer.end('here'));
  server.listen(port, '127.0.0.1', () => console.log('test listens on http://127.0.0.1:' + server.address().port));
`;
const parts: Part[] = [];

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(parts.splice(0).map((part) => part.stop('SIGKILL')));
});

describe('a part', () => {
  test('is up when it says where it listens, and then says so itself', async () => {
    const part = partOf(LISTEN);
    await part.start();
    expect(part.isUp).toBe(true);
    expect(part.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await (await fetch(part.url)).text()).toBe('here');
  });

  test('that dies is started again, on the port that it had', async () => {
    const onRestart = vi.fn();
    const part = partOf(LISTEN, { onRestart });
    await part.start();
    const { address, pid } = part;
    part.signal('SIGKILL');
    await vi.waitUntil(() => part.isUp && part.pid !== pid, { timeout: 10_000 });
    expect(part.address).toBe(address);
    expect(onRestart).toHaveBeenCalledExactlyOnceWith('SIGKILL', 100);
  });

  test('that ends before it listens is reported with what it wrote', async () => {
    const part = partOf(`console.error('no such disk'); process.exit(3)`);
    await expect(part.start()).rejects.toThrow('test ended before it listened (exit 3)\nno such disk');
    expect(part.isUp).toBe(false);
  });

  test('that cannot be started at all is reported too', async () => {
    const part = partOf('', { command: () => ({ file: '/no/such/program', args: [] }) });
    await expect(part.start()).rejects.toThrow('ENOENT');
  });

  test('that dies again and again is given up, after longer and longer waits', async () => {
    const delays: number[] = [];
    const onGiveUp = vi.fn();
    let starts = 0;
    const part = partOf('', {
      command: () => ({ file: process.execPath, args: ['-e', `const port = 0; ${LISTEN}`] }),
      onRestart: (_, delayMs) => delays.push(delayMs),
      onGiveUp,
    });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await part.start();
      while (onGiveUp.mock.calls.length === 0) {
        starts++;
        part.signal('SIGKILL');
        await until(() => !part.isUp);
        await vi.advanceTimersByTimeAsync(5_000);
        await until(() => part.isUp || onGiveUp.mock.calls.length > 0);
      }
    } finally {
      vi.useRealTimers();
    }
    expect(starts).toBe(11);
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]);
    expect(onGiveUp.mock.calls[0][0]).toContain('SIGKILL');
  }, 60_000);

  test('stays down when it is stopped, also while it waits to be started again', async () => {
    const part = partOf(LISTEN);
    await part.start();
    const { pid } = part;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    part.signal('SIGKILL');
    await until(() => !part.isUp);
    expect(vi.getTimerCount()).toBe(1);
    await part.stop();
    expect(vi.getTimerCount()).toBe(0);
    expect(part.pid).toBeUndefined();
    expect(isRunning(pid!)).toBe(false);
    vi.useRealTimers();
    await part.start();
    expect(part.isUp).toBe(true);
  });

  test('shares the session of who started it, but where it starts processes itself', async () => {
    const [own, leader] = [partOf(LISTEN), partOf(LISTEN, {}, { hasChildren: true })];
    await Promise.all([own.start(), leader.start()]);
    expect(sessionOf(own.pid!)).toBe(sessionOf(process.pid));
    expect(sessionOf(leader.pid!)).toBe(leader.pid);
  });

  test('that dies takes everything down with it that it has started', async () => {
    const lines: string[] = [];
    const part = partOf(
      `const { spawn } = require('node:child_process');
       const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
       console.log('child ' + child.pid); ${LISTEN}`,
      { onLine: (line) => lines.push(line) },
      { hasChildren: true },
    );
    await part.start();
    const child = Number(lines[0].slice('child '.length));
    expect(isRunning(child)).toBe(true);
    process.kill(part.pid!, 'SIGKILL');
    await vi.waitUntil(() => !isRunning(child));
  });

  test('that does not heed SIGTERM is ended by a second stop', async () => {
    const part = partOf(`process.on('SIGTERM', () => console.log('no')); ${LISTEN}`);
    await part.start();
    const first = part.stop();
    await part.stop('SIGKILL');
    await first;
    expect(part.pid).toBeUndefined();
  });
});

function partOf(script: string, options: Partial<PartOptions> = {}, more: Partial<Command> = {}): Part {
  const part = new Part({
    name: 'test',
    port: 0,
    command: (port) => ({
      file: process.execPath,
      args: ['-e', `const port = ${port}; ${script}`],
      ...more,
    }),
    onLine: () => undefined,
    ...options,
  });
  parts.push(part);
  return part;
}

/** Waits for a condition while `setTimeout` is a fake. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
