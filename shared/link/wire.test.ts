import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameReader, type FrameType } from './wire.ts';

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
