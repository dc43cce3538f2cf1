import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url)), 'utf8');

/** The secrets with which everything may be done. */
const ADMIN = /PORTOLAN_TOKEN|"(?:secretName|name)":"portolan(?:-tls)?","?(?:key|defaultMode)/;

interface PodSpec {
  hostPID?: boolean;
  hostNetwork?: boolean;
  automountServiceAccountToken?: boolean;
  securityContext?: Record<string, unknown>;
  containers: {
    name: string;
    image: string;
    args: string[];
    securityContext: Record<string, unknown>;
    resources: object;
  }[];
  volumes: { name: string; secret?: { secretName: string }; configMap?: object }[];
}

describe('the Kubernetes objects', () => {
  const objects = parseAllDocuments(read('kubernetes.yaml')).map((each) => each.toJS());
  const workloads = objects
    .filter(({ kind }) => ['Deployment', 'DaemonSet'].includes(kind))
    .map(({ kind, spec }) => ({ kind, pod: spec.template.spec as PodSpec }));

  test('give what may do everything to no pod that sees a node or lies on each of them', () => {
    const [coordinator, agent] = ['Deployment', 'DaemonSet'].map(
      (kind) => workloads.find((each) => each.kind === kind)!,
    );
    expect(JSON.stringify(coordinator!.pod)).toMatch(ADMIN);
    expect({ hostPID: coordinator!.pod.hostPID, hostNetwork: coordinator!.pod.hostNetwork }).toEqual({});
    expect(JSON.stringify(agent!.pod)).not.toMatch(ADMIN);
    const secrets = agent!.pod.volumes.flatMap(({ secret }) => secret?.secretName ?? []);
    expect(secrets).toEqual(['portolan-enrolment']);
    expect(JSON.stringify(agent!.pod)).not.toContain('secretKeyRef');
  });

  test.each(workloads)('run a $kind with as little as it needs, and over TLS', ({ kind, pod }) => {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({ seccompProfile: { type: 'RuntimeDefault' } });
    if (kind === 'Deployment') expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 7678 });
    for (const { image, args, securityContext, resources } of pod.containers) {
      expect(image).toMatch(/:\d+\.\d+\.\d+$/);
      expect(args).not.toContain('--insecure-bind');
      expect(args.join()).not.toContain('http://');
      expect(resources).toMatchObject({ requests: { cpu: expect.anything() }, limits: { memory: expect.anything() } });
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  test('let in from the network nothing but HTTPS and gossip', () => {
    const [policy] = objects.filter(({ kind }) => kind === 'NetworkPolicy');
    expect(policy.spec).toMatchObject({ podSelector: {}, policyTypes: ['Ingress'] });
    const ports = policy.spec.ingress.flatMap((rule: { ports: { port: number }[] }) =>
      rule.ports.map(({ port }) => port),
    );
    expect(new Set(ports)).toEqual(new Set([7678, 7679]));
  });
});

describe('the compose file', () => {
  const { services } = parse(read('compose.yaml'), { merge: true }) as {
    services: Record<string, Record<string, unknown>>;
  };

  test('gives the token to no service that sees the machine', () => {
    const seeing = Object.values(services).filter(({ pid, user, volumes }) =>
      /"host"|root|docker\.sock/.test(JSON.stringify([pid, user, volumes])),
    );
    expect(seeing).toHaveLength(1);
    for (const service of seeing) expect(JSON.stringify(service)).not.toMatch(ADMIN);
  });

  test.each(Object.entries(services))(
    'runs %s with as little as it needs, and opens nothing to other machines',
    (_, service) => {
      expect(service).toMatchObject({
        image: expect.stringMatching(/:\d+\.\d+\.\d+$/),
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        mem_limit: expect.anything(),
      });
      expect(service.ports).toBeUndefined();
      expect(JSON.stringify(service)).not.toMatch(/insecure-bind|"0\.0\.0\.0"/);
    },
  );
});

test('the image is made of pinned things, by the lockfile, and no package runs anything while it is installed', () => {
  const text = read('Dockerfile');
  const bases = Array.from(text.matchAll(/^FROM (\S+)/gm), ([, base]) => base);
  for (const base of bases) expect(base).toMatch(/^node:\d+\.\d+\.\d+-/);
  expect(text).toMatch(/pnpm@\d+\.\d+\.\d+\n/);
  const installs = text.match(/pnpm (?:install|--filter \S+ deploy).*/g) ?? [];
  expect(installs).toHaveLength(2);
  for (const line of installs) expect(line).toMatch(/--frozen-lockfile --ignore-scripts/);
  expect(text).not.toMatch(/(?<!p)npm install (?!--global --ignore-scripts)/);
  expect(text).toMatch(/^USER \d+$/m);
});
