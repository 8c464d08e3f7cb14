import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameReader, type FrameType, frameHead } from './wire.ts';

const NUMBERS: Record<FrameType, number> = { H: 0, S: 0, N: 1, Q: 2, C: 1, W: 2, P: 1, R: 4, B: 5, E: 2 };

const frame: fc.Arbitrary<Frame> = fc
  .constantFrom<FrameType>('H', 'S', 'N', 'Q', 'C', 'W', 'P', 'R', 'E')
  .chain((type) =>
    fc.record({
      type: fc.constant(type),
      numbers: fc.array(fc.maxSafeNat(), { minLength: NUMBERS[type], maxLength: NUMBERS[type] }),
      payload: fc.string({ unit: 'binary-ascii', maxLength: 40 }),
    }),
  );

describe('frames', () => {
  it('come out as they went in, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat({ max: 400 })), (frames, cuts) => {
        const stream = frames
          .map(({ type, numbers, payload }) => encodeFrame(type, numbers, payload))
          .join('');
        const places = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length];
        const reader = new FrameReader();
        const read = places.slice(1).flatMap((to, i) => reader.push(stream.slice(places[i], to)));
        expect(read).toEqual(frames);
      }),
    );
  });

  it('of raw bytes come among others, in parts where they are cut, and nothing of them is decoded', () => {
    const raw = fc.record({
      id: fc.nat(),
      bytes: fc.uint8Array({ maxLength: 300 }),
    });
    const cuts = fc.array(fc.nat({ max: 2_000 }));
    fc.assert(
      fc.property(fc.array(fc.oneof(frame, raw), { maxLength: 12 }), cuts, (sent, cutsAt) => {
        const stream = Buffer.concat(
          sent.flatMap((one) =>
            'bytes' in one && one.bytes !== undefined
              ? [
                  Buffer.from(frameHead('B', [(one as { id: number }).id, 1, 0, 9, 0], one.bytes.length)),
                  one.bytes,
                ]
              : [
                  Buffer.from(
                    encodeFrame((one as Frame).type, (one as Frame).numbers, (one as Frame).payload),
                  ),
                ],
          ),
        );
        const places = [
          0,
          ...cutsAt.filter((cut) => cut < stream.length).sort((a, b) => a - b),
          stream.length,
        ];
        const reader = new FrameReader();
        const got: unknown[] = [];
        places.slice(1).forEach((to, i) => {
          // The memory is used again for what comes next.
          const data = new Uint8Array(stream.subarray(places[i], to));
          for (const { type, numbers, payload, bytes } of reader.push(data)) {
            const last = got.at(-1) as { id: number; bytes: number[] } | undefined;
            if (type !== 'B') got.push({ type, numbers, payload });
            else if (last?.bytes !== undefined && last.bytes.length < lengthOf(sent, got.length - 1))
              last.bytes.push(...bytes!);
            else got.push({ id: numbers[0], bytes: [...bytes!] });
          }
          data.fill(0);
        });
        const expected = sent
          .filter((one) => !('bytes' in one) || one.bytes!.length > 0)
          .map((one) => ('bytes' in one ? { ...one, bytes: [...one.bytes!] } : one));
        expect(got).toEqual(expected);
      }),
    );
  });

  it.each([
    ['an unknown type', 'X0\n'],
    ['too few numbers', 'Q1,0\n'],
    ['too many numbers', 'C1,2,0\n'],
    ['a fraction', 'C1.5,0\n'],
    ['a negative number', 'C-1,0\n'],
    ['no length', 'H\n'.replace('H', 'Hx')],
    ['an announced giant', 'H99999999999\n'],
    ['a header that does not end', 'H'.repeat(200)],
  ])('with %s are refused', (_, text) => {
    expect(() => new FrameReader().push(text)).toThrow('frame');
  });
});

/** Of the frame of raw bytes in its place, those of no length left out. */
function lengthOf(sent: readonly object[], place: number): number {
  const shown = sent.filter((one) => !('bytes' in one) || (one.bytes as Uint8Array).length > 0);
  return (shown[place] as { bytes: Uint8Array }).bytes.length;
}
