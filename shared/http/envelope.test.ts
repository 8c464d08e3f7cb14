import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import {
  errorBody,
  errorHeaders,
  parseMinSeq,
  parseTimeoutMs,
  publicError,
  requestIdOf,
  successBody,
  tableErrorBody,
  tableSuccessBody,
} from './envelope.ts';

describe('the envelope', () => {
  it('holds data as it is', () => {
    expect(JSON.parse(successBody('[1]'))).toEqual({ status_code: 0, status_msg: 'success', data: [1] });
    expect(JSON.parse(tableSuccessBody('{}'))).toMatchObject({ code: 200, message: 'success', data: {} });
  });

  it('repeats the status of an error and stays ASCII', () => {
    const error = new KamaitachiError('not_found', '同花顺: expected a row');
    expect(errorBody(error)).not.toMatch(/[^\u0000-\u007f]/);
    expect(JSON.parse(errorBody(error))).toEqual({
      status_code: 404,
      status_msg: '同花顺: expected a row',
      data: null,
    });
    expect(JSON.parse(tableErrorBody(error))).toMatchObject({ code: 404, status_code: 404, data: null });
  });

  it('names nothing from inside when a bug is thrown', () => {
    const error = publicError(new TypeError('secret is undefined'));
    expect(error.status).toBe(500);
    expect(errorBody(error)).not.toContain('secret');
  });

  it('says when to come back', () => {
    expect(errorHeaders(new KamaitachiError('unavailable', 'x', 3))['retry-after']).toBe('3');
    expect(errorHeaders(new KamaitachiError('bad_request', 'x'))['retry-after']).toBeUndefined();
  });
});

describe('headers', () => {
  it('reads min-seq and the timeout', () => {
    expect([parseMinSeq(null), parseMinSeq('7')]).toEqual([0, 7]);
    expect([parseTimeoutMs(null), parseTimeoutMs('7'), parseTimeoutMs('99999')]).toEqual([5_000, 7, 30_000]);
    for (const bad of ['x', '-1', '1.5', '1e3', '99999999999999999'])
      expect(() => parseMinSeq(bad)).toThrow('x-kamaitachi-min-seq: expected a whole number, got');
    for (const bad of ['x', '0', '-1'])
      expect(() => parseTimeoutMs(bad)).toThrow(
        'x-kamaitachi-timeout-ms: expected a whole number from 1 on (over 30000 counts as 30000), got',
      );
  });

  it('takes a request id over, or makes one where it is unusable', () => {
    expect(requestIdOf('abc-1')).toBe('abc-1');
    expect(requestIdOf('a b')).not.toBe('a b');
    expect(requestIdOf(null)).not.toBe(requestIdOf(null));
  });
});
