import { describe, expect, it } from 'vitest';
import type { Query, SnapshotQuery } from '../query/query.ts';
import { type Hello, LINK_PROTOCOL } from './messages.ts';
import { agreedProtocol, needsProtocol, SPOKEN } from './protocol.ts';

const said = (protocol: number, newest?: number) =>
  ({ protocol, ...(newest === undefined ? {} : { newest }) }) as Hello;

describe('two ends of a link', () => {
  it('use the newest protocol that both speak', () => {
    expect(agreedProtocol(said(SPOKEN.protocol, SPOKEN.newest))).toBe(LINK_PROTOCOL);
    expect(agreedProtocol(said(LINK_PROTOCOL))).toBe(LINK_PROTOCOL);
    expect(agreedProtocol(said(LINK_PROTOCOL - 1))).toBe(LINK_PROTOCOL - 1);
    expect(agreedProtocol(said(LINK_PROTOCOL, LINK_PROTOCOL + 1))).toBe(LINK_PROTOCOL);
    expect(agreedProtocol(said(LINK_PROTOCOL - 2, LINK_PROTOCOL - 1))).toBe(LINK_PROTOCOL - 1);
  });

  it.each([
    ['one that is too old', said(LINK_PROTOCOL - 2)],
    ['one that is too new', said(LINK_PROTOCOL + 1)],
    ['two that are too new', said(LINK_PROTOCOL + 1, LINK_PROTOCOL + 2)],
    ['none', {} as Hello],
    ['a text', said('2' as never)],
  ])('have none where the other one speaks %s', (_what, hello) => {
    expect(agreedProtocol(hello)).toBeUndefined();
  });

  it('of the first version and of this one find each other: it demanded to hear exactly its own number', () => {
    expect(SPOKEN.protocol).toBe(1);
  });
});

const SNAPSHOT: SnapshotQuery = {
  kind: 'snapshot',
  pool: { topic: 't', tag: { id: 'concept', keyword: '' } },
  ids: ['eps'],
  field: 'eps',
  descending: true,
  offset: 0,
  limit: 10,
  asOf: 0,
  timestamp: 0,
  withTime: true,
};

describe('a query', () => {
  it.each<[string, Query]>([
    ['snapshot', SNAPSHOT],
    [
      'period',
      { kind: 'period', subjects: ['s'], ids: ['a'], from: 0, to: 1, descending: true, limit: 0, asOf: 0 },
    ],
    ['catalogue', { kind: 'subjects', topic: '', prefix: '', after: '', limit: 100 }],
    ['query whose optional field is undefined', { ...SNAPSHOT, where: undefined }],
  ])('that protocol 1 knows goes to all: %s', (_what, query) => {
    expect(needsProtocol(query)).toBe(1);
  });

  it.each<[string, unknown]>([
    ['expressions', { ...SNAPSHOT, items: [] }],
    ['revision', { ...SNAPSHOT, revision: 'first' }],
    ['require_declared', { ...SNAPSHOT, requireDeclared: true }],
    ['the topic of a period', { kind: 'period', subjects: [], topic: 't', ids: ['a'], from: 0, to: 1 }],
    ['at', { kind: 'subjects', topic: 't', prefix: '', after: '', limit: 100, at: 1 }],
    ['a new kind', { kind: 'panel' }],
  ])('with %s needs protocol 2', (_what, query) => {
    expect(needsProtocol(query as Query)).toBe(2);
  });

  it('whose answer is in columns needs protocol 2', () => {
    expect(needsProtocol(SNAPSHOT, 'columns')).toBe(2);
  });
});
