/** The form in which an answer goes out: its tag, whether the client has it already, and compressed where the client likes that. */
import type { LargeBody } from '../flow/writing.ts';
import type { Answer } from './handlers.ts';

/** Smaller answers gain nothing. */
const MIN_GZIP_BYTES = 4 * 1024;
const VARY = 'accept, accept-encoding';
const GZIP_MARK = '-gzip';

/** Whether an answer to this request should be compressed. The length of a large one is not known, nor of interest. */
export function isGzipped({ headers }: Request, { status, body }: Answer): boolean {
  if (status !== 200 || body === null) return false;
  if (isSmall(body) && body.length <= MIN_GZIP_BYTES) return false;
  return acceptsGzip(headers.get('accept-encoding'));
}

/** Of GET and HEAD: adds the tag; an answer without a body where the client has named it. */
export async function tagged(raw: Request, made: Answer, gzipped: boolean): Promise<Answer> {
  const { status, body, headers } = made;
  if (status !== 200 || body === null) return made;
  headers.vary = VARY;
  const content = isSmall(body) ? await hashOf(body) : made.stateTag && (await hashOf(made.stateTag));
  if (content === undefined) return made;
  headers.etag = `"${content}${gzipped ? GZIP_MARK : ''}"`;
  if (!namesTag(raw.headers.get('if-none-match'), content)) return made;
  if (!isSmall(body)) body.release();
  const { 'content-type': _, ...rest } = headers;
  return { status: 304, body: null, headers: rest };
}

export function gzip(body: BodyInit): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stream = body instanceof ReadableStream ? body : new Response(body).body!;
  // Both runtimes take and give such bytes; the types of one of them say less.
  const compression = new CompressionStream('gzip') as unknown as ReadableWritablePair<
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>
  >;
  return stream.pipeThrough(compression);
}

function isSmall(
  body: string | Uint8Array<ArrayBuffer> | LargeBody,
): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' || body instanceof Uint8Array;
}

/** `gzip`, or `*` where gzip is not named; not with a weight of 0. */
function acceptsGzip(header: string | null): boolean {
  if (header === null) return false;
  let any = false;
  for (const item of header.toLowerCase().split(',')) {
    const [coding, ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
    const isWanted = weight === undefined || Number(weight.slice(weight.indexOf('=') + 1)) > 0;
    if (coding === 'gzip' || coding === 'x-gzip') return isWanted;
    if (coding === '*') any = isWanted;
  }
  return any;
}

/** Also the tag of the same content in another coding, and a weak one. */
function namesTag(header: string | null, content: string): boolean {
  if (header === null) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((item) => {
    const tag = item.trim().replace(/^W\//, '');
    return tag === `"${content}"` || tag === `"${content}${GZIP_MARK}"`;
  });
}

const encoder = new TextEncoder();

/** 96 bits: no two contents of one URL will ever share it. */
async function hashOf(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof content === 'string' ? encoder.encode(content) : content;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest.subarray(0, 12), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
