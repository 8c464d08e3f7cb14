/** Files of the pages: ours beside this folder, Swagger UI's from its package, or from the copy in a build. Read once. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IS_BUILT } from '../../shared/base/program.ts';
import type { Assets } from '../http/pages.ts';

const pages = join(dirname(fileURLToPath(import.meta.url)), '..', 'pages');
const swagger = IS_BUILT
  ? join(pages, 'swagger-ui')
  : dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/** Only names that the gateway knows come here, so the cache is as small as they are. */
export function createAssets(): Assets {
  const read = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  return (page, name) => {
    const path = name.startsWith('swagger-ui') ? join(swagger, name) : join(pages, page, name);
    let file = read.get(path);
    if (file === undefined) {
      file = readFile(path).then((bytes) => new Uint8Array(bytes));
      file.catch(() => read.delete(path));
      read.set(path, file);
    }
    return file;
  };
}
