/** `npm run build`: the JavaScript of `npm pack`, in dist/. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIST = join(ROOT, 'dist');
/** What `/docs` is made of; the package itself is 12 MB, most of it maps. */
const SWAGGER_UI = ['swagger-ui.css', 'swagger-ui-bundle.js', 'LICENSE', 'NOTICE'];

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
chmodSync(join(DIST, 'cli/main.js'), 0o755);
