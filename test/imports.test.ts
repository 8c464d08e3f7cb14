/** The rules between the rooms, read off the source: who imports whom, and who touches a runtime. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = new URL('..', import.meta.url).pathname;
const PARTS = ['gateway', 'slave', 'master'];
const ROOMS = [...PARTS, 'client'];
/** Free to import any room. */
const VISITORS = ['cli', 'bench', 'test'];

/**
 * What each folder may import of its own room, besides itself. A folder without a rule, a rule without a folder, and an import
 * that a rule allows but nothing uses all fail: the table is the structure as it is. `shared/` is open to every room, outside
 * of its adapters.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'shared/base': [],
  'shared/options': ['shared/base'],
  'shared/http': ['shared/base'],
  'shared/query': ['shared/base'],
  'shared/answer': ['shared/base', 'shared/data', 'shared/query'],
  'shared/data': ['shared/base'],
  'shared/discovery': ['shared/base'],
  'shared/ownership': ['shared/base', 'shared/discovery'],
  'shared/link': ['shared/base', 'shared/ownership', 'shared/query'],
  'shared/adapter/etcd': ['shared/base', 'shared/discovery'],
  'shared/adapter': [
    'shared/adapter/etcd',
    'shared/base',
    'shared/discovery',
    'shared/http',
    'shared/options',
  ],

  'gateway/flow': [],
  'gateway/slaves': ['gateway/flow'],
  'gateway/read': ['gateway/flow', 'gateway/slaves'],
  'gateway/http': ['gateway/flow', 'gateway/read', 'gateway/slaves'],
  gateway: ['gateway/flow', 'gateway/http', 'gateway/read', 'gateway/slaves'],
  'gateway/adapter': ['gateway', 'gateway/http', 'gateway/slaves'],

  'slave/store': [],
  'slave/cache': ['slave/store'],
  'slave/follow': ['slave/cache', 'slave/store'],
  'slave/answer': ['slave/cache'],
  'slave/state': ['slave/answer', 'slave/follow'],
  'slave/handover': ['slave/cache', 'slave/state'],
  'slave/face': ['slave/answer', 'slave/cache', 'slave/state'],
  slave: ['slave/answer', 'slave/cache', 'slave/face', 'slave/follow', 'slave/handover', 'slave/state'],

  'master/store': [],
  'master/engine': ['master/store'],
  'master/thread': ['master/engine'],
  'master/registry': [],
  'master/lead': [],
  'master/mend': [],
  'master/http': ['master/engine', 'master/lead', 'master/registry', 'master/thread'],
  master: [
    'master/engine',
    'master/http',
    'master/lead',
    'master/mend',
    'master/registry',
    'master/store',
    'master/thread',
  ],

  client: [],
};

/** Folders whose code decides: no clock, no randomness, no network, no packages. */
const PURE = ['shared/answer', 'shared/data', 'shared/ownership', 'shared/query'];
/** Files in other folders that are as pure. */
const PURE_FILES = [
  'gateway/slaves/plan.ts',
  'gateway/read/merge.ts',
  'shared/base/address.ts',
  'shared/base/calendar.ts',
  'shared/base/checksum.ts',
  'shared/base/murmur3.ts',
  'shared/base/nearest.ts',
  'shared/base/text.ts',
  'shared/base/time-text.ts',
  'shared/link/wire.ts',
  'slave/cache/coverage.ts',
];
/** Packages that the pure folders may use: schemas are data, and so is the layout of bytes. */
const PURE_PACKAGES = /^(zod|flatbuffers)$/;
/** Packages that run on every runtime as they are. */
const WEB_PACKAGES = /^(zod|hono|lru-cache|flatbuffers)(\/|$)/;
const RUNTIME_GLOBALS = /\b(Deno|process|Buffer|require|__dirname|setImmediate)\b\s*[.(]/;
const IMPURE =
  /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|crypto\.|setTimeout|setInterval|fetch\()/;

interface Source {
  path: string;
  code: string;
  /** Files of ours that it imports, types included. */
  files: string[];
  /** Everything else that it imports. */
  packages: string[];
}

/** Without this file, whose samples of imports are no imports. */
const sources = ['shared', ...ROOMS, ...VISITORS]
  .flatMap(read)
  .filter(({ path }) => path !== 'test/imports.test.ts');
const products = sources.filter(({ path }) => !/\.test\.ts$|\/testing\//.test(path));

describe('the scan', () => {
  test('sees imports in all their forms, and not those in comments', () => {
    const { files, packages } = parse(
      'shared/x.ts',
      [
        "import { a } from './a.ts';",
        "import type { B } from '../slave/b.ts';",
        "import {\n  c,\n} from './adapter/c.ts';",
        "import './d.ts';",
        "export * from './e.ts';",
        "const f = await import('./f.ts');",
        "const g = new URL('./g.mjs', import.meta.url);",
        "import process from 'node:process';",
        "// import './not.ts';",
        "/* export * from './not.ts'; */",
      ].join('\n'),
    );
    expect(files).toEqual(
      ['a.ts', '../slave/b.ts', 'adapter/c.ts', 'd.ts', 'e.ts', 'f.ts', 'g.mjs'].map((file) =>
        normalize(`shared/${file}`),
      ),
    );
    expect(packages).toEqual(['node:process']);
  });

  test('found the source', () => {
    expect(products.length).toBeGreaterThan(20);
  });
});

describe('imports', () => {
  test('name files that exist, with their extension', () => {
    const known = new Set(sources.map(({ path }) => path));
    const missing = sources.flatMap(({ path, files }) =>
      files.filter((file) => !known.has(file) && /\.(ts|mjs)$/.test(file)).map((file) => `${path} → ${file}`),
    );
    const bare = sources.flatMap(({ path, files }) =>
      files.filter((file) => !/\.\w+$/.test(file)).map((file) => `${path} → ${file}`),
    );
    expect([...missing, ...bare]).toEqual([]);
  });

  test('within a room are those that the rules of its folders allow, and the rules allow no others', () => {
    const imported: Record<string, Set<string>> = {};
    for (const { path, files } of products) {
      if (VISITORS.includes(roomOf(path))) continue;
      imported[dirname(path)] ??= new Set();
      for (const folder of files.map((file) => dirname(file)))
        if (folder !== dirname(path) && roomOf(folder) === roomOf(path)) imported[dirname(path)].add(folder);
    }
    expect(sortedLists(imported)).toEqual(sortedLists(MAY_IMPORT));
  });

  test('between rooms go to shared/ only', () => {
    const strays = products
      .filter(({ path }) => !VISITORS.includes(roomOf(path)))
      .flatMap(({ path, files }) =>
        files
          .filter((file) => roomOf(file) !== roomOf(path) && roomOf(file) !== 'shared')
          .map((file) => `${path} → ${file}`),
      );
    expect(strays).toEqual([]);
  });

  test('between folders form no cycle', () => {
    expect(cycles(new Map(Object.entries(MAY_IMPORT)))).toEqual([]);
  });

  test('between files form no cycle', () => {
    expect(cycles(new Map(products.map(({ path, files }) => [path, files])))).toEqual([]);
  });
});

describe('outside adapter/, slave/, master/, cli/, bench/ and test/', () => {
  const web = products.filter(
    ({ path }) => ['shared', 'gateway'].includes(roomOf(path)) && !path.includes('/adapter/'),
  );

  test('nothing imports from node: or a package that needs Node', () => {
    const found = web.flatMap(({ path, packages }) =>
      packages.filter((name) => !WEB_PACKAGES.test(name)).map((name) => `${path} → ${name}`),
    );
    expect(found).toEqual([]);
  });

  test('nothing touches the globals of a runtime', () => {
    expect(
      web.filter(({ code }) => RUNTIME_GLOBALS.test(withoutStrings(code))).map(({ path }) => path),
    ).toEqual([]);
  });
});

test('the client needs the types of queries and web standards, and nothing else', () => {
  const client = products.filter(({ path }) => roomOf(path) === 'client');
  expect(client.length).toBeGreaterThan(2);
  expect(client.flatMap(({ packages }) => packages)).toEqual([]);
  expect(
    client.filter(({ code }) => RUNTIME_GLOBALS.test(withoutStrings(code))).map(({ path }) => path),
  ).toEqual([]);
  const shared = client.flatMap(({ path, code }) =>
    [...code.matchAll(/^import (type )?[^;]*?'\.\.\/([^']+)';/gm)].map(
      ([, type, file]) => `${path} → ${type ?? ''}${file}`,
    ),
  );
  expect(shared).toEqual(['client/types.ts → type shared/query/query.ts']);
});

test('what decides knows no clock, chance or network, and no package but schemas', () => {
  const pure = products.filter(({ path }) => PURE.includes(dirname(path)) || PURE_FILES.includes(path));
  for (const place of [...PURE, ...PURE_FILES])
    expect(
      pure.some(({ path }) => path === place || dirname(path) === place),
      `${place} matches no file`,
    ).toBe(true);
  expect(
    pure.flatMap(({ path, packages }) =>
      packages.filter((name) => !PURE_PACKAGES.test(name)).map((name) => `${path} → ${name}`),
    ),
  ).toEqual([]);
  expect(pure.filter(({ code }) => IMPURE.test(withoutStrings(code))).map(({ path }) => path)).toEqual([]);
});

test('nothing names a path outside of the project, or a path of one machine', () => {
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' }).split('\0');
  const texts = tracked.filter((path) => /\.(ts|mjs|js|json|md|html|css|sh|ya?ml)$|^\.ci\//.test(path));
  expect(texts.length).toBeGreaterThan(100);
  const found = texts.flatMap((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const ofOneMachine = text.match(/\/[w]ork\/|\/[r]oot\//g) ?? [];
    const outside = [...text.matchAll(/['"`(]((?:\.\.\/)+[\w./-]*)/g)]
      .map(([, name]) => name)
      .filter((name) => normalize(join(dirname(path), name)).startsWith('..'));
    return [...ofOneMachine, ...outside].map((name) => `${path}: ${name}`);
  });
  expect(found).toEqual([]);
});

test('parts ask each other with the fetch that they are given, which brings token and TLS', () => {
  // The one asks a libSQL server, the other is what is given.
  const own = ['master/store/store.ts', 'gateway/adapter/deno.ts'];
  const found = products.filter(
    ({ path, code }) =>
      PARTS.includes(roomOf(path)) && !own.includes(path) && /(^|[^.\w])fetch\(/m.test(withoutStrings(code)),
  );
  expect(found.map(({ path }) => path)).toEqual([]);
});

test('the environment is read only where a program begins', () => {
  const readers = products.filter(
    ({ path, code }) =>
      /\bprocess\.env\b|\bDeno\.env\b/.test(code) && !/(^|\/)(adapter|cli|bench|test)\//.test(path),
  );
  expect(readers.map(({ path }) => path)).toEqual([]);
});

test('nothing is exported as default but what a tool asks for', () => {
  expect(products.filter(({ code }) => /^export default\b/m.test(code)).map(({ path }) => path)).toEqual([]);
});

function read(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return parse(relative(ROOT, path).split(sep).join('/'), readFileSync(path, 'utf8'));
    });
}

function parse(path: string, text: string): Source {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[\s;])\/\/.*$/gm, '$1');
  const names = [
    ...code.matchAll(/^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*'([^']+)'/gm),
    ...code.matchAll(/^\s*import\s*'([^']+)'/gm),
    ...code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g),
    ...code.matchAll(/\bnew URL\(\s*'([^']+\.(?:ts|mjs))'\s*,\s*import\.meta\.url\s*\)/g),
  ]
    .sort((a, b) => a.index - b.index)
    .map(([, name]) => name);
  return {
    path,
    code,
    files: names.filter((name) => name.startsWith('.')).map((name) => normalize(join(dirname(path), name))),
    packages: names.filter((name) => !name.startsWith('.')),
  };
}

function withoutStrings(code: string): string {
  return code.replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

function sortedLists(lists: Record<string, Iterable<string>>): [string, string[]][] {
  return Object.entries(lists)
    .map(([name, list]): [string, string[]] => [name, [...list].sort()])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function roomOf(path: string): string {
  return path.split('/')[0];
}

/** Every cycle that a depth-first walk meets, as `a → b → a`. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: string[]): void => {
    const seen = trail.indexOf(path);
    if (seen >= 0) found.push([...trail.slice(seen), path].join(' → '));
    if (seen >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return found;
}
