import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { PIECE_BYTES } from '../../shared/base/limits.ts';
import { type Hello, LINK_PATH, LINK_PROTOCOL, LINK_UPGRADE } from '../../shared/link/messages.ts';
import { ChangedSlots } from '../../shared/link/news.ts';
import { SPOKEN } from '../../shared/link/protocol.ts';
import { encodeFrame, type Frame, FrameReader, type FrameType } from '../../shared/link/wire.ts';
import { HASH_ID, SLOTS, SlotSet } from '../../shared/ownership/slot.ts';
import { Refusal } from '../answer/refusal.ts';
import { type Piece, textOf } from '../answer/rows.ts';
import { TOO_MANY } from '../answer/work-queue.ts';
import type { PartAnswer, Slave } from '../state/slave.ts';
import { type Links, serveLinks } from './link-server.ts';

const HELLO = { protocol: LINK_PROTOCOL, slots: SLOTS, hash: HASH_ID, node: 'gateway', version: '1' };
const UPGRADE = `GET ${LINK_PATH} HTTP/1.1\r\nHost: slave\r\nConnection: Upgrade\r\nUpgrade: ${LINK_UPGRADE}\r\n\r\n`;

/** What the slave does with a request, by its query; set by each test. */
type Answers = (query: string, isWanted: () => boolean) => PartAnswer | Promise<PartAnswer>;

let answers: Answers;
let ms: number;
let ready: SlotSet;
let change: () => void;
let news: (seq: number, slots: ChangedSlots) => void;
let server: Server;
let links: Links;
let logged: string[];
let gateways: Gateway[];

let peer: string | undefined;
beforeEach(async () => {
  peer = undefined;
  ms = 0;
  ready = new SlotSet([1, 2]);
  logged = [];
  gateways = [];
  const slave = {
    node: 'sl\u00e4ve',
    history: 'history',
    slots: { announced: () => ready },
    state: () => ({ history: 'history', seq: 7, fresh: true, staleSeconds: 0, leaving: false }),
    onChange: (listener: () => void) => {
      change = listener;
    },
    onNews: (listener: (seq: number, slots: ChangedSlots) => void) => {
      news = listener;
    },
    answer: ({ query }: { query: unknown }, isWanted: () => boolean) => answers(query as string, isWanted),
  };
  server = createServer((_request, response) => response.end('http'));
  links = serveLinks(server, slave as unknown as Slave, {
    version: '1',
    now: () => ms,
    log: (_event, details) => logged.push(JSON.stringify(details)),
    isPeer: (authorization) => authorization === peer,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const { socket } of gateways) socket.destroy();
  links.close();
  await new Promise((resolve) => server.close(resolve));
});

class Gateway {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  isClosed = false;
  private head: string | undefined = '';
  private readonly reader = new FrameReader();

  constructor(...sent: string[]) {
    this.socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    this.socket.on('data', (bytes) => this.read(bytes.toString('latin1')));
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    this.socket.on('error', () => {});
    this.socket.write([UPGRADE, ...sent].join(''));
    gateways.push(this);
  }

  send(type: FrameType, numbers: number[], payload = ''): void {
    this.socket.write(encodeFrame(type, numbers, payload), 'latin1');
  }

  ask(id: number, query: string, timeoutMs = 1_000): void {
    this.send('Q', [id, timeoutMs], JSON.stringify({ query }));
  }

  of(type: FrameType, id?: number): Frame[] {
    return this.frames.filter(
      (frame) => frame.type === type && (id === undefined || frame.numbers[0] === id),
    );
  }

  /** The text of an answer so far. */
  text(id: number): string {
    return this.of('R', id)
      .map(({ payload }) => payload)
      .join('');
  }

  private read(text: string): void {
    let rest = text;
    if (this.head !== undefined) {
      this.head += text;
      const end = this.head.indexOf('\r\n\r\n');
      if (end < 0) return;
      rest = this.head.slice(end + 4);
      this.head = undefined;
    }
    // The bytes of a frame stand only until the next ones come.
    for (const frame of this.reader.push(Buffer.from(rest, 'latin1')))
      this.frames.push({ ...frame, bytes: frame.bytes && new Uint8Array(frame.bytes) });
  }

  /** The bytes of an answer in columns so far. */
  bytes(id: number): Buffer {
    return Buffer.concat(this.of('B', id).map(({ bytes }) => bytes!));
  }
}

/** A gateway that has been greeted. */
async function linked(more: Partial<Hello> = {}): Promise<Gateway> {
  const gateway = new Gateway(encodeFrame('H', [], JSON.stringify({ ...HELLO, ...more })));
  await until(() => gateway.of('S').length > 0);
  return gateway;
}

describe('a gateway that waits', () => {
  it('hears all the time that the slave is there, and one that waits for nothing does not', async () => {
    let answer = (_made: PartAnswer) => {};
    answers = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const gateway = await linked();
    const idle = await linked();
    gateway.ask(1, 'x');
    // Several times as many as heartbeats would be.
    await until(() => gateway.of('S').length >= 20);
    expect(idle.of('S').length).toBeLessThan(10);
    answer(small('x'));
    await until(() => gateway.of('R', 1).length === 1);
  });
});

describe('requests that are remembered', () => {
  it('keep nothing of what came in one piece with them', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    answers = () => small('1');
    const gateway = await linked();
    // Credit for answers that are not under way: nothing comes of it.
    const others = encodeFrame('W', [0, 1]).repeat(8_000);
    const askWithOthers = async (id: number) => {
      const query = encodeFrame('Q', [id, 1_000], JSON.stringify({ query: `a query that is new: ${id}` }));
      gateway.socket.write(query + others, 'latin1');
      await until(() => gateway.of('R', id).length === 1);
    };
    await askWithOthers(1);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let id = 2; id <= 300; id++) await askWithOthers(id);
    collectGarbage();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 * 1024 * 1024);
  });
});

describe('the beginning of a link', () => {
  it('is an upgrade, a hello and the state with the slots, also where the gateway did not wait for the upgrade', async () => {
    answers = (query) => small(query);
    const gateway = new Gateway(
      encodeFrame('H', [], JSON.stringify(HELLO)),
      encodeFrame('Q', [1, 99], '{"query":"early"}'),
    );
    await until(() => gateway.of('R').length === 1);
    expect(gateway.frames.map(({ type }) => type)).toEqual(['H', 'S', 'R']);
    expect(JSON.parse(gateway.frames[0].payload)).toMatchObject({
      ...{ ...SPOKEN, slots: SLOTS, hash: HASH_ID, node: 'sl\u00e4ve', history: 'history' },
    });
    expect(JSON.parse(gateway.frames[1].payload)).toEqual({
      ...{
        history: 'history',
        seq: 7,
        fresh: true,
        staleSeconds: 0,
        leaving: false,
        ready: ready.toBase64(),
      },
    });
    expect(links.links()).toBe(1);
  });

  it.each([
    ['this protocol', { protocol: LINK_PROTOCOL }],
    ['the one before it', { protocol: LINK_PROTOCOL - 1 }],
    ['this one and the next', { protocol: LINK_PROTOCOL, newest: LINK_PROTOCOL + 1 }],
  ])('with a gateway that speaks %s carries queries', async (_what, spoken) => {
    answers = (query) => small(query);
    const gateway = await linked(spoken);
    gateway.ask(1, 'x');
    await until(() => gateway.of('R', 1).length === 1);
  });

  it.each([
    ['another protocol', { protocol: 99 }],
    ['another number of slots', { slots: 1_024 }],
    ['another hash', { hash: 'fnv' }],
  ])('with %s ends it, and the log says what was expected', async (_what, difference) => {
    const gateway = new Gateway(encodeFrame('H', [], JSON.stringify({ ...HELLO, ...difference })));
    await until(() => gateway.isClosed);
    expect(logged.join()).toContain(
      `expected protocol ${LINK_PROTOCOL} or ${LINK_PROTOCOL - 1}, ${SLOTS} slots, ${HASH_ID}`,
    );
    await until(() => links.links() === 0);
  });

  it.each([
    ['a request before the hello', encodeFrame('Q', [1, 100], '{}')],
    ['a hello that is none', encodeFrame('H', [], 'null')],
    ['no frame', 'GET / HTTP/1.1\r\n\r\n'],
    ['a frame that is too long', 'H999999999999\n'],
    ['a header without end', 'H'.repeat(500)],
    [
      'a frame that only slaves send',
      `${encodeFrame('H', [], JSON.stringify(HELLO))}${encodeFrame('R', [1, 0, 0, 0])}`,
    ],
  ])('that is %s closes it, and others go on', async (_what, sent) => {
    answers = (query) => small(query);
    const good = await linked();
    const bad = new Gateway(sent);
    await until(() => bad.isClosed);
    good.ask(1, 'still');
    await until(() => good.text(1) === 'still');
  });

  it('elsewhere is refused', async () => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(UPGRADE.replace(LINK_PATH, '/elsewhere'));
    let got = '';
    socket.on('data', (bytes) => (got += bytes));
    await until(() => got.includes('404'));
    socket.destroy();
  });

  it('without the cluster token is refused before any frame', async () => {
    peer = 'Bearer right';
    const wrong = UPGRADE.replace('\r\n\r\n', '\r\nAuthorization: Bearer wrong\r\n\r\n');
    for (const head of [UPGRADE, wrong]) {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      let got = '';
      socket.on('data', (bytes) => (got += bytes));
      socket.write(`${head}${encodeFrame('H', [], JSON.stringify(HELLO))}`);
      await new Promise((resolve) => socket.once('close', resolve));
      expect(got).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n(?:.+\r\n)+\r\n$/);
    }
    expect(logged.join()).toContain('refused');
    expect(logged.join()).not.toContain('wrong');
    const known = connect((server.address() as AddressInfo).port, '127.0.0.1');
    known.write(UPGRADE.replace('\r\n\r\n', '\r\nAuthorization: Bearer right\r\n\r\n'));
    const first = await new Promise<string>((resolve) =>
      known.once('data', (bytes) => resolve(String(bytes))),
    );
    expect(first).toContain(' 101 ');
    known.destroy();
  });

  it.each([
    ['elsewhere', UPGRADE.replace(LINK_PATH, '/elsewhere'), undefined],
    ['without the cluster token', UPGRADE, 'Bearer right'],
  ])(
    '%s ends nobody but whoever asked, also where that one breaks off before the answer',
    async (_what, head, token) => {
      peer = token;
      // Strangers that are gone at once, one after the other, meet the answer on its way in all of its steps.
      for (let i = 0; i < 300; i++) {
        const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
        socket.on('error', () => {});
        await new Promise((resolve) => socket.once('connect', resolve));
        socket.write(head);
        for (let turns = i % 3; turns > 0; turns--) await turn();
        socket.resetAndDestroy();
      }
      peer = undefined;
      await linked();
    },
  );

  it('elsewhere is closed, also where the other side stays open', async () => {
    const socket = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true });
    socket.resume();
    socket.write(UPGRADE.replace(LINK_PATH, '/elsewhere'));
    await new Promise((resolve) => socket.once('end', resolve));
    await expect.poll(() => promisify(server.getConnections.bind(server))(), { timeout: 5_000 }).toBe(0);
    socket.destroy();
  });
});

describe('the state', () => {
  it('is sent when it changes, with the slots only when they do', async () => {
    const gateway = await linked();
    const readyIn = () => gateway.of('S').map(({ payload }) => JSON.parse(payload).ready);
    change();
    await until(() => gateway.of('S').length >= 2);
    ready = new SlotSet([1, 2, 3]);
    change();
    await until(() => readyIn().includes(ready.toBase64()));
    change();
    const before = gateway.of('S').length;
    await until(() => gateway.of('S').length > before);
    expect(readyIn().filter((slots) => slots !== undefined)).toEqual([
      new SlotSet([1, 2]).toBase64(),
      ready.toBase64(),
    ]);
  });
});

describe('news', () => {
  it('goes to the gateways that want it, and to no others', async () => {
    const [plain, keen] = [await linked(), await linked({ wantsNews: true })];
    const slots = new ChangedSlots();
    slots.add(5);
    news(8, slots);
    await until(() => keen.of('N').length === 1);
    expect(keen.of('N')[0]).toEqual({ type: 'N', numbers: [8], payload: slots.encode() });
    const states = plain.of('S').length;
    change();
    await until(() => plain.of('S').length > states);
    expect(plain.of('N')).toEqual([]);
  });
});

describe('requests', () => {
  it('are answered as they are done, each by its id, with seq and age', async () => {
    let finish = (_answer: PartAnswer) => {};
    answers = (query) => (query === 'slow' ? new Promise((resolve) => (finish = resolve)) : small(query));
    const gateway = await linked();
    gateway.ask(1, 'slow');
    gateway.ask(2, 'quick');
    await until(() => gateway.of('R').length === 1);
    expect(gateway.of('R')[0]).toEqual({ type: 'R', numbers: [2, 5, 3, 5], payload: 'quick' });
    finish(small('late'));
    await until(() => gateway.text(1) === 'late');
  });

  it('that fail say why, and a bug says nothing from inside but is logged', async () => {
    answers = (query) => {
      if (query === 'bug') throw new TypeError('secret');
      if (query === 'later') return Promise.reject(new KamaitachiError('deadline', 'too late'));
      if (query === 'full') throw TOO_MANY;
      if (query === 'gone') throw new Refusal('not_held', 'slot 4');
      throw new KamaitachiError('unavailable', 'slot 3 \u00e4', 2);
    };
    const gateway = await linked();
    for (const [id, query] of ['held', 'bug', 'later', 'full', 'gone'].entries()) gateway.ask(id, query);
    await until(() => gateway.of('E').length === 5);
    const errors = [0, 1, 2, 3, 4].map((id) => [
      gateway.of('E', id)[0].numbers[1],
      JSON.parse(gateway.of('E', id)[0].payload),
    ]);
    expect(errors[0]).toEqual([2, { code: 'unavailable', message: 'slot 3 \u00e4' }]);
    expect(errors[1][1].code).toBe('internal');
    expect(errors[1][1].message).not.toContain('secret');
    expect(errors[2]).toEqual([0, { code: 'deadline', message: 'too late' }]);
    expect(errors[3]).toEqual([1, { code: 'unavailable', message: TOO_MANY.message, refusal: 'full' }]);
    expect(errors[4]).toEqual([1, { code: 'unavailable', message: 'slot 4', refusal: 'not_held' }]);
    expect(logged.join()).toContain('secret');
  });

  it('know when they are cancelled or late, and are not answered then', async () => {
    const wanted: Record<string, () => boolean> = {};
    const finish: Record<string, (answer: PartAnswer) => void> = {};
    answers = (query, isWanted) => {
      wanted[query] = isWanted;
      return query === 'end' ? small(query) : new Promise((resolve) => (finish[query] = resolve));
    };
    const gateway = await linked();
    gateway.ask(1, 'cancelled');
    gateway.ask(2, 'late', 50);
    gateway.ask(3, 'wanted');
    gateway.send('C', [1]);
    gateway.ask(4, 'end');
    await until(() => gateway.text(4) === 'end');
    ms = 50;
    expect(Object.values(wanted).map((isWanted) => isWanted())).toEqual([false, false, true, false]);
    finish.cancelled(small('x'));
    finish.wanted(small('y'));
    await until(() => gateway.text(3) === 'y');
    expect(gateway.of('R', 1)).toEqual([]);
  });
});

describe('a large answer', () => {
  const size = 5 * PIECE_BYTES + 17;

  it('comes as far as there is credit, to the byte, in pieces that say how much there is', async () => {
    answers = () => large(size);
    const gateway = await linked();
    gateway.ask(1, 'large');
    await until(() => gateway.of('R').length > 0);
    change();
    await until(() => gateway.of('S').length > 1);
    expect(gateway.of('R').map(({ numbers, payload }) => [...numbers, payload.length])).toEqual([
      [1, 5, 3, size, PIECE_BYTES],
    ]);
    gateway.send('W', [1, 100]);
    await until(() => gateway.of('R').length === 2);
    expect(gateway.text(1).length).toBe(PIECE_BYTES + 100);
    gateway.send('W', [1, size]);
    await until(() => gateway.text(1).length === size);
    expect(gateway.text(1)).toBe(textOf(large(size)));
    expect(Math.max(...gateway.of('R').map(({ payload }) => payload.length))).toBe(PIECE_BYTES);
  });

  it('takes turns with others, and small ones do not wait for it', async () => {
    const huge = 60 * 1024 * 1024;
    answers = (query) => (query === 'small' ? small(query) : large(query === 'huge' ? huge : size));
    const gateway = await linked();
    gateway.ask(1, 'huge');
    gateway.send('W', [1, huge]);
    await until(() => gateway.text(1).length > PIECE_BYTES);
    gateway.ask(2, 'large');
    gateway.send('W', [2, size]);
    gateway.ask(3, 'small');
    await until(() => gateway.text(3) === 'small');
    await until(() => gateway.text(2).length === size);
    expect(gateway.of('R', 1).reduce((sum, { payload }) => sum + payload.length, 0)).toBeLessThan(huge);
    await until(() => gateway.of('R', 1).reduce((sum, { payload }) => sum + payload.length, 0) === huge);
  });

  it('stops when it is cancelled, and is let go of when its time is over', async () => {
    answers = (query) => (query === 'end' ? small(query) : large(size));
    const gateway = await linked();
    gateway.ask(1, 'cancelled');
    gateway.ask(2, 'late', 100);
    await until(() => gateway.of('R').length === 2);
    gateway.send('C', [1]);
    gateway.send('W', [1, size]);
    ms = 100;
    const states = gateway.of('S').length;
    await until(() => gateway.of('S').length > states + 1);
    gateway.send('W', [2, size]);
    gateway.ask(3, 'end');
    await until(() => gateway.text(3) === 'end');
    await turn();
    expect(gateway.of('R')).toHaveLength(3);
  });

  it('in columns comes as raw bytes, the next chunk only when it is pulled and the one before was sent', async () => {
    const made: number[] = [];
    const chunk = (place: number, last: number): PartAnswer => {
      made.push(place);
      const bytes = Buffer.alloc(place === 0 ? 10 : PIECE_BYTES + 5, 0x80 + place);
      const answer: PartAnswer = {
        pieces: [bytes],
        length: bytes.length,
        isRaw: true,
        seq: 5 + place,
        staleSeconds: 0,
      };
      return place === last ? answer : { ...answer, next: async () => chunk(place + 1, last) };
    };
    answers = () => chunk(0, 2);
    const gateway = await linked();
    gateway.ask(1, 'columns');
    await until(() => gateway.bytes(1).length === 10);
    expect(gateway.of('B')[0].numbers).toEqual([1, 5, 0, 10, 1]);
    await until(() => made.length === 2);
    gateway.send('P', [1]);
    await until(() => gateway.bytes(1).length === 10 + PIECE_BYTES);
    gateway.send('P', [1]);
    change();
    await until(() => gateway.of('S').length > 1);
    expect(gateway.bytes(1).length).toBe(10 + PIECE_BYTES);
    gateway.send('W', [1, 5]);
    await until(() => gateway.bytes(1).length === 15 + 2 * PIECE_BYTES);
    gateway.send('W', [1, 5]);
    await until(() => gateway.bytes(1).length === 20 + 2 * PIECE_BYTES);
    expect(gateway.bytes(1)).toEqual(
      Buffer.concat([
        Buffer.alloc(10, 0x80),
        Buffer.alloc(PIECE_BYTES + 5, 0x81),
        Buffer.alloc(PIECE_BYTES + 5, 0x82),
      ]),
    );
    expect(gateway.of('B').at(-1)!.numbers).toEqual([1, 7, 0, PIECE_BYTES + 5, 0]);
  });

  it('in columns ends with an error where a chunk cannot be made, and with nothing where it is cancelled', async () => {
    let wanted = () => true;
    answers = (query) => ({
      pieces: [Buffer.alloc(10, 0x80)],
      length: 10,
      isRaw: true,
      seq: 5,
      staleSeconds: 0,
      next: async (isWanted) => {
        wanted = isWanted;
        await until(() => query !== 'cancelled' || !isWanted());
        throw new KamaitachiError('unavailable', 'gone');
      },
    });
    const gateway = await linked();
    gateway.ask(1, 'fails');
    await until(() => gateway.of('E', 1).length === 1);
    gateway.ask(2, 'cancelled');
    await until(() => gateway.bytes(2).length === 10);
    expect(wanted()).toBe(true);
    gateway.send('C', [2]);
    await until(() => !wanted());
    await turn();
    expect(gateway.of('E', 2)).toEqual([]);
  });

  it('is refused when too many wait already', async () => {
    answers = () => large(60 * 1024 * 1024);
    const gateway = await linked();
    for (let id = 0; id < 5; id++) gateway.ask(id, 'huge');
    await until(() => gateway.of('R').length + gateway.of('E').length === 5);
    expect(JSON.parse(gateway.of('E', 4)[0].payload)).toMatchObject({ code: 'unavailable' });
  });
});

describe('the end of a link', () => {
  it('is nothing to log where the gateway goes with words of ours unread', async () => {
    const gateway = await linked();
    gateway.socket.resetAndDestroy();
    await until(() => links.links() === 0);
    expect(logged).toEqual([]);
  });

  it('comes to a gateway that does not read', async () => {
    const text = 'x'.repeat(PIECE_BYTES);
    answers = () => small(text);
    const gateway = await linked();
    gateway.socket.pause();
    for (let id = 0; id < 2_000; id++) gateway.ask(id, 'small');
    await until(() => links.links() === 0);
    expect(logged.join()).toContain('does not read');
  });

  it('waits for what is under way, takes nothing new, and then comes', async () => {
    const finish: ((answer: PartAnswer) => void)[] = [];
    answers = () => new Promise((resolve) => finish.push(resolve));
    const gateway = await linked();
    gateway.ask(1, 'cancelled');
    gateway.ask(2, 'finished');
    await until(() => finish.length === 2);
    links.close();
    gateway.ask(3, 'new');
    await until(() => gateway.of('E', 3).length === 1);
    expect(gateway.isClosed).toBe(false);
    gateway.send('C', [1]);
    finish[1](small('done'));
    await until(() => gateway.isClosed || gateway.socket.readableEnded);
    expect(gateway.text(2)).toBe('done');
  });
});

function small(text: string): PartAnswer {
  return { pieces: [text], length: text.length, seq: 5, staleSeconds: 3 };
}

/** Texts and bytes of many lengths that are together `length` long. */
function large(length: number): PartAnswer {
  const pieces: Piece[] = [];
  for (let rest = length, i = 1; rest > 0; i = (i * 7) % 200_003) {
    const next = Math.min(rest, i);
    const text = String.fromCharCode(97 + (i % 26)).repeat(next);
    pieces.push(i % 2 === 0 ? text : Buffer.from(text));
    rest -= next;
  }
  return { pieces, length, seq: 5, staleSeconds: 3 };
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it does not come');
    await turn();
  }
}
