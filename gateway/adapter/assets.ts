/** Files of the pages: ours beside this folder, those of packages from there, Swagger UI's from the copy in a build. Read once. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IS_BUILT } from '../../shared/base/program.ts';
import type { Assets } from '../http/pages.ts';

const pages = join(dirname(fileURLToPath(import.meta.url)), '..', 'pages');
const { resolve } = createRequire(import.meta.url);
const swagger = IS_BUILT ? join(pages, 'swagger-ui') : dirname(resolve('swagger-ui-dist/package.json'));
const uplot = join(dirname(resolve('uplot/package.json')), 'dist');
const PACKAGED: Readonly<Record<string, string>> = {
  'swagger-ui.css': join(swagger, 'swagger-ui.css'),
  'swagger-ui-bundle.js': join(swagger, 'swagger-ui-bundle.js'),
  'uplot.css': join(uplot, 'uPlot.min.css'),
  'uplot.js': join(uplot, 'uPlot.esm.js'),
  // Preact and htm in one module. Its own entry in the package's exports names a file that is not there.
  'htm.js': join(dirname(resolve('htm/preact')), 'standalone.module.js'),
};

/** Only names that the gateway knows come here, so the cache is as small as they are. */
export function createAssets(): Assets {
  const read = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  return (page, name) => {
    const path = PACKAGED[name] ?? join(pages, page, name);
    let file = read.get(path);
    if (file === undefined) {
      file = readFile(path).then((bytes) => new Uint8Array(bytes));
      file.catch(() => read.delete(path));
      read.set(path, file);
    }
    return file;
  };
}
