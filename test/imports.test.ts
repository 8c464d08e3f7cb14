/** The rules between the rooms, read off the source: who imports whom, and who touches a runtime. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = new URL('..', import.meta.url).pathname;
const ROOMS = ['gateway', 'slave', 'master'];
/** Free to import any room. */
const VISITORS = ['cli', 'bench', 'test'];
/** Pure by decree: no clock, no randomness, nothing but shared/ and one another. */
const PURE =
  /^(gateway\/(plan|route|merge)|slave\/(coverage|interval)|shared\/(address|ring|slot|membership|block|block-edit|lines|fold|feed|text|wire|checksum|slot-sum))\.ts$/;
/** Packages that run on every runtime as they are. */
const WEB_PACKAGES = /^(zod|hono|lru-cache)(\/|$)/;
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

  test('of a room stay within the room and shared/; shared/ imports only itself', () => {
    const strays = products
      .filter(({ path }) => !VISITORS.includes(roomOf(path)))
      .flatMap(({ path, files }) =>
        files
          .filter((file) => roomOf(file) !== roomOf(path) && roomOf(file) !== 'shared')
          .map((file) => `${path} → ${file}`),
      );
    expect(strays).toEqual([]);
  });

  test('form no cycle', () => {
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

test('pure files import only shared/ and one another, and know no clock, chance or network', () => {
  const pure = products.filter(({ path }) => PURE.test(path));
  const strays = pure.flatMap(({ path, files, packages }) =>
    [...files.filter((file) => roomOf(file) !== 'shared' && !PURE.test(file)), ...packages].map(
      (target) => `${path} → ${target}`,
    ),
  );
  expect(strays).toEqual([]);
  expect(pure.filter(({ code }) => IMPURE.test(withoutStrings(code))).map(({ path }) => path)).toEqual([]);
});

test('parts ask each other with the fetch that they are given, which brings token and TLS', () => {
  // The one asks a libSQL server, the other is what is given.
  const own = ['master/store.ts', 'gateway/adapter/deno.ts'];
  const found = products.filter(
    ({ path, code }) =>
      ROOMS.includes(roomOf(path)) && !own.includes(path) && /(^|[^.\w])fetch\(/m.test(withoutStrings(code)),
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
