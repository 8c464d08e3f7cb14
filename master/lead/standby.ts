/** What a master answers that does not serve: it is starting, or another one is elected. */
import type { RequestListener } from 'node:http';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { errorBody, errorHeaders, JSON_TYPE } from '../../shared/http/envelope.ts';

/** `why`: in words, as of now. */
export function createStandby(why: () => string): RequestListener {
  return (request, response) => {
    const path = (request.url ?? '').replace(/\?.*$/, '').replace(/(?<=.)\/$/, '');
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': JSON_TYPE }).end(JSON.stringify(body));
    if (path === '/health') return answer(200, { status: 'ok' });
    if (path === '/ready') return answer(503, { status: 'not ready', missing: why() });
    const error = new KamaitachiError('unavailable', `master: ${why()}`);
    response.writeHead(error.status, errorHeaders(error)).end(errorBody(error));
  };
}
