/** Certificates made at test time: an authority of its own, and one for 127.0.0.1 and localhost that it signed. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  tlsCa: string;
  tlsCert: string;
  tlsKey: string;
}

/** `name`: of the files in `dir`. */
export function makeCertificates(dir: string, name: string): Certificates {
  const file = (suffix: string) => join(dir, `${name}.${suffix}`);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    ...['req', '-x509', ...curve, '-days', '2', '-subj', `/CN=${name} authority`],
    ...['-keyout', file('ca.key'), '-out', file('ca.pem')],
  );
  openssl('req', ...curve, '-subj', `/CN=${name}`, '-keyout', file('key'), '-out', file('csr'));
  writeFileSync(file('ext'), 'basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n');
  openssl(
    ...[
      'x509',
      '-req',
      '-in',
      file('csr'),
      '-CA',
      file('ca.pem'),
      '-CAkey',
      file('ca.key'),
      '-CAcreateserial',
    ],
    ...['-days', '2', '-extfile', file('ext'), '-out', file('pem')],
  );
  return { tlsCa: file('ca.pem'), tlsCert: file('pem'), tlsKey: file('key') };
}
