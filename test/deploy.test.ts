/** The files under deploy/, as far as they can be checked without the machines that they are for. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { PROGRAMS } from '../cli/programs.ts';
import { findOnPath } from '../cli/start/etcd.ts';
import { helpText, type Program, parseOptions } from '../shared/options/config.ts';
import { checkExposure } from '../shared/options/exposure.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DEPLOY = join(ROOT, 'deploy');
const PARTS = ['master', 'slave', 'gateway'] as const;
type Part = (typeof PARTS)[number];

interface Container {
  name: string;
  image: string;
  args: string[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  securityContext: Record<string, unknown>;
  volumeMounts: { name: string; mountPath: string }[];
}

interface Probe {
  httpGet: { path: string; port: string };
}

interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> } & Record<string, unknown>;
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        enableServiceLinks: boolean;
        terminationGracePeriodSeconds: number;
        securityContext: { runAsNonRoot: boolean };
        containers: Container[];
        volumes: { name: string }[];
      };
    };
    volumeClaimTemplates?: { metadata: { name: string } }[];
    ports?: { port: number }[];
  };
}

interface Compose {
  services: Record<
    string,
    {
      command: string[];
      hostname?: string;
      secrets?: string[];
      volumes?: string[];
      environment?: Record<string, string>;
    }
  >;
  secrets: Record<string, unknown>;
  volumes: Record<string, unknown>;
}

/** A command line that a part accepts, on an address that others reach, with what has to be there then. */
function accepted(part: Part, args: string[], env: Record<string, string> = {}) {
  const options = parseOptions(args, env);
  expect(options.host).not.toMatch(/^(127\.|localhost|0\.0\.0\.0)/);
  checkExposure(part, options);
  return options;
}

function isPart(name: string): name is Part {
  return (PARTS as readonly string[]).includes(name);
}

describe('the Kubernetes manifests', () => {
  const folder = join(DEPLOY, 'kubernetes');
  const { resources } = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as {
    resources: string[];
  };
  const manifests = resources.flatMap((name) =>
    parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => {
      expect(document.errors, name).toEqual([]);
      return document.toJS() as Manifest;
    }),
  );
  const workloads = manifests.filter(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment');

  test('are all named by the kustomization', () => {
    expect([...resources, 'kustomization.yaml'].sort()).toEqual(readdirSync(folder).sort());
    expect(workloads.map(({ metadata }) => metadata.name).sort()).toEqual(
      [...PARTS].map((part) => `kamaitachi-${part}`).sort(),
    );
  });

  test('start each part with options that it takes, and with what it insists on there', () => {
    for (const { spec } of workloads) {
      const { containers, volumes } = spec.template.spec;
      const [{ args, ports, volumeMounts }] = containers;
      const [part, ...options] = args.map((arg) =>
        arg.replace('$(POD_IP)', '10.1.2.3').replace('$(POD_NAME)', 'slave-0'),
      );
      if (!isPart(part)) throw new Error(`${part}: expected a part`);
      const { masterPort, slavePort, gatewayPort, dataDir } = accepted(part, options);
      expect(ports[0].containerPort).toBe(
        { master: masterPort, slave: slavePort, gateway: gatewayPort }[part],
      );
      if (part !== 'gateway') expect(volumeMounts.map(({ mountPath }) => mountPath)).toContain(dataDir);
      const claims = spec.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? [];
      expect([...volumes.map(({ name }) => name), ...claims].sort()).toEqual(
        volumeMounts.map(({ name }) => name).sort(),
      );
    }
  });

  test('hide the variables that Kubernetes makes of Services, which would be options', () => {
    const variable = { KAMAITACHI_MASTER_PORT: 'tcp://10.0.0.7:8080' };
    expect(() => parseOptions([], variable)).toThrow('KAMAITACHI_MASTER_PORT');
    for (const { spec } of workloads) expect(spec.template.spec.enableServiceLinks).toBe(false);
  });

  test('probe every part, let it drain, and give it no rights', () => {
    for (const { spec } of workloads) {
      const { containers, securityContext, terminationGracePeriodSeconds } = spec.template.spec;
      const [{ startupProbe, livenessProbe, readinessProbe, securityContext: own }] = containers;
      expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
        '/health',
        '/health',
        '/ready',
      ]);
      expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(15);
      expect(securityContext.runAsNonRoot).toBe(true);
      expect(own).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(spec.template.metadata.labels).toEqual(spec.selector.matchLabels);
    }
  });

  test('keep enough slaves and gateways in a drain of machines', () => {
    const budgets = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget');
    expect(budgets.map(({ metadata }) => metadata.name).sort()).toEqual([
      'kamaitachi-gateway',
      'kamaitachi-slave',
    ]);
    for (const { metadata, spec } of budgets) {
      const workload = workloads.find((other) => other.metadata.name === metadata.name)!;
      expect(spec.selector.matchLabels).toEqual(workload.spec.selector.matchLabels);
      expect(workload.spec.replicas).toBeGreaterThan(1);
    }
  });
});

describe('the compose file', () => {
  const text = readFileSync(join(DEPLOY, 'docker/compose.yaml'), 'utf8');
  const compose = parse(text, { merge: true }) as Compose;
  const parts = Object.entries(compose.services).filter(([, { command }]) => isPart(command[0]));

  test('runs etcd, a master, three slaves and a gateway', () => {
    expect(Object.keys(compose.services)).toEqual([
      'etcd',
      'master',
      'slave-1',
      'slave-2',
      'slave-3',
      'gateway',
    ]);
  });

  test('starts each part with options that it takes, under a name that the others resolve', () => {
    for (const [name, { command, hostname, secrets = [], volumes = [] }] of parts) {
      const [part, ...args] = command;
      const options = accepted(part as Part, args);
      expect([options.host, hostname]).toEqual([name, name]);
      expect(options.etcd).toEqual(['http://etcd:2379']);
      if (part === 'slave') expect(options.nodeId).toBe(name);
      const files = [options.clusterTokenFile, options.keys].filter((path) => path !== undefined);
      expect(files.map((path) => path.replace('/run/secrets/', ''))).toEqual(secrets);
      if (part !== 'gateway') expect(volumes).toEqual([`${name}:${options.dataDir}`]);
      for (const volume of volumes) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
      for (const secret of secrets) expect(Object.keys(compose.secrets)).toContain(secret);
    }
  });

  test('asks each part for its health on its own port', () => {
    for (const [, { command, environment }] of parts) {
      const { masterPort, slavePort, gatewayPort } = parseOptions([], {});
      const port = { master: masterPort, slave: slavePort, gateway: gatewayPort }[command[0] as Part];
      // 9000 is the image's own.
      expect(environment?.HEALTH_PORT ?? '9000').toBe(String(port));
    }
  });
});

test('the Dockerfile copies what there is, runs as nobody special, and its build gets what it needs', () => {
  const dockerfile = readFileSync(join(DEPLOY, 'docker/Dockerfile'), 'utf8');
  expect(dockerfile).toMatch(/^USER node$/m);
  expect(dockerfile).toMatch(/^HEALTHCHECK .*CMD \["node"/m);
  const [health] = /\["node", "-e".*\]$/m.exec(dockerfile)!;
  expect(() => new Function((JSON.parse(health) as string[])[2])).not.toThrow();
  const ignore = readFileSync(join(DEPLOY, 'docker/Dockerfile.dockerignore'), 'utf8').split('\n');
  const kept = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  for (const name of kept.filter((name) => !name.includes('*')))
    expect(existsSync(join(ROOT, name)), name).toBe(true);
  const { include } = parse(readFileSync(join(ROOT, 'tsconfig.build.json'), 'utf8')) as { include: string[] };
  expect(kept).toEqual(expect.arrayContaining(include));
});

describe('the systemd units', () => {
  const folder = join(DEPLOY, 'systemd');
  const unitOf = (part: Part) => readFileSync(join(folder, `kamaitachi-${part}.service`), 'utf8');

  test.each(PARTS)('of the %s starts it with an environment that it takes, and drains it', (part) => {
    const unit = unitOf(part);
    const [, command] = /^ExecStart=\S+\/kamaitachi (\w+)$/m.exec(unit)!;
    expect(command).toBe(part);
    expect(Object.keys(PROGRAMS)).toContain(command);
    const lines = [
      ...readFileSync(join(folder, `${part}.env`), 'utf8').split('\n'),
      ...[...unit.matchAll(/^Environment=(.*)$/gm)].map(([, line]) => line),
    ].filter((line) => line !== '' && !line.startsWith('#'));
    const env = Object.fromEntries(lines.map((line) => line.split('=', 2)));
    const options = accepted(part, [], env);
    // Every variable is one that the part's help names.
    for (const name of Object.keys(env)) expect(helpOf(part), name).toContain(flagOf(name));
    if (part !== 'gateway') {
      expect(unit).toContain(`StateDirectory=${options.dataDir.replace('/var/lib/', '')}\n`);
    }
    expect(unit).toContain('KillMode=mixed\nKillSignal=SIGTERM\nTimeoutStopSec=20\n');
  });

  test.runIf(findOnPath('systemd-analyze') !== undefined)('pass systemd-analyze verify', () => {
    const scratch = mkdtempSync(join(tmpdir(), 'kamaitachi-units-'));
    try {
      const files = PARTS.map((part) => {
        const file = join(scratch, `kamaitachi-${part}.service`);
        // It asks whether the program is there.
        writeFileSync(file, unitOf(part).replace('/usr/local/bin/kamaitachi', process.execPath));
        return file;
      });
      execFileSync('systemd-analyze', ['verify', ...files], { stdio: 'pipe' });
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
});

function helpOf(part: Program): string {
  return helpText(part, part);
}

function flagOf(variable: string): string {
  return `--${variable.replace('KAMAITACHI_', '').toLowerCase().replaceAll('_', '-')} `;
}
