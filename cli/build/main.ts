/** `npm run build`: the JavaScript of `npm pack`, in dist/. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIST = join(ROOT, 'dist');
/** What `/docs` is made of; the package itself is 12 MB, most of it maps. */
const SWAGGER_UI = ['swagger-ui.css', 'swagger-ui-bundle.js', 'LICENSE', 'NOTICE'];

/** Libraries that install 12 MB of which we need less than one: each becomes one file of ours. */
const BUNDLED = ['lru-cache', 'zod'];

const require = createRequire(import.meta.url);

// A file that is gone from the source must not live on in the package.
rmSync(DIST, { recursive: true, force: true });
const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
// Types of what others may import, and of nothing else.
for (const project of ['tsconfig.build.json', 'tsconfig.client.json']) {
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(ROOT, project)], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const pages = join(DIST, 'gateway/pages');
cpSync(join(ROOT, 'gateway/pages'), pages, { recursive: true });
const swagger = dirname(require.resolve('swagger-ui-dist/package.json'));
mkdirSync(join(pages, 'swagger-ui'));
for (const name of SWAGGER_UI) cpSync(join(swagger, name), join(pages, 'swagger-ui', name));
const vendor = join(DIST, 'vendor');
for (const name of BUNDLED) {
  buildSync({
    stdin: { contents: `export * from '${name}';`, resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    legalComments: 'inline',
    outfile: join(vendor, `${name}.js`),
  });
  const [license] = readdirSync(join(ROOT, 'node_modules', name)).filter((file) => /^licen[cs]e/i.test(file));
  cpSync(join(ROOT, 'node_modules', name, license), join(vendor, `${name}.LICENSE`));
}
for (const file of readdirSync(DIST, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.js') || file.startsWith('vendor')) continue;
  const path = join(DIST, file);
  const code = readFileSync(path, 'utf8');
  const toVendor = relative(dirname(path), vendor).split(sep).join('/');
  const bundled = code.replace(/ from '([^'.]+)';$/gm, (text, name: string) =>
    BUNDLED.includes(name) ? ` from '${toVendor}/${name}.js';` : text,
  );
  if (bundled !== code) writeFileSync(path, bundled);
}

chmodSync(join(DIST, 'cli/main.js'), 0o755);
