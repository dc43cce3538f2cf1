import type { Node } from 'yaml';
import type { Fact, NameHint } from '../fact.ts';
import { addressesIn, isAnyHost } from './address-text.ts';
import { reference } from './dotenv.ts';
import { imageName } from './image.ts';
import { homeOfImage } from './image-home.ts';
import type { Importer, Reading, Surroundings } from './importer.ts';
import { portOf, protocolOf } from './port-number.ts';
import { portVariable } from './port-variable.ts';
import type { SourceFile } from './source-file.ts';
import { YamlTree } from './yaml-tree.ts';

/** Kubernetes objects. Only `nodePort`, `hostPort` and pods in the host's network have ports of hosts. */
export const kubernetes: Importer = {
  name: 'kubernetes',
  matches: (path) => /\.ya?ml$/.test(path),
  worth: (text) => KINDS.test(text) && /^\s{0,8}apiVersion:/m.test(text),
  sizeMax: 4 << 20,
  read,
};

const WORKLOADS = 'Deployment StatefulSet DaemonSet ReplicaSet Job CronJob Pod';
const KINDS = new RegExp(`^\\s{0,8}kind:\\s{0,4}["']?(?:Service|${WORKLOADS.replaceAll(' ', '|')})["']?\\s*$`, 'm');

function read(file: SourceFile, around: Surroundings): Reading {
  const yaml = new YamlTree(file);
  const facts: Fact[] = [];
  for (const document of yaml.documents) {
    const list = yaml.items(yaml.get(document, 'items'));
    for (const object of list.length > 0 ? list : [document]) facts.push(...objectFacts(file, yaml, object, around));
  }
  return { facts, notes: yaml.notes };
}

function* objectFacts(file: SourceFile, yaml: YamlTree, object: Node, around: Surroundings): Generator<Fact> {
  const kind = yaml.text(yaml.get(object, 'kind'));
  const name = yaml.written(yaml.get(object, 'metadata', 'name'));
  if (!name || kind === undefined) return;
  const pod = podOf(yaml, object, kind);
  const names = kind === 'Service' ? serviceNames(yaml, object, name.text) : workloadNames(yaml, object, name.text);
  for (const container of yaml.items(yaml.get(pod, 'containers'))) {
    const home = homeOfImage(yaml.text(yaml.get(container, 'image')) ?? '', name.text, around);
    if (home !== undefined && names.every(({ from }) => from !== 'directory'))
      names.push({ name: home, from: 'directory' });
  }
  const about = { importer: 'kubernetes', names, sure: 'certain' as const };
  if (kind === 'Service') {
    yield { kind: 'named', ...about, place: file.place(name.offset, name.text.length) };
    for (const item of yaml.items(yaml.get(object, 'spec', 'ports'))) yield* servicePort(file, yaml, item, about);
    return;
  }
  if (!WORKLOADS.split(' ').includes(kind)) return;
  yield { kind: 'named', ...about, place: file.place(name.offset, name.text.length) };
  const replicas = yaml.written(yaml.get(object, 'spec', 'replicas'));
  if (replicas && /^\d+$/.test(replicas.text)) {
    yield {
      kind: 'describes',
      what: 'replicas',
      value: replicas.text,
      ...about,
      place: file.place(replicas.offset, replicas.text.length),
    };
  }
  const onHost = yaml.text(yaml.get(pod, 'hostNetwork')) === 'true';
  for (const container of yaml.items(yaml.get(pod, 'containers'))) {
    const image = yaml.written(yaml.get(container, 'image'));
    if (image) {
      const at = file.place(image.offset, image.text.length);
      yield { kind: 'describes', what: 'image', value: imageName(image.text), ...about, place: at };
    }
    for (const item of yaml.items(yaml.get(container, 'ports'))) yield* containerPort(file, yaml, item, about, onHost);
    for (const item of yaml.items(yaml.get(container, 'env'))) {
      const key = yaml.text(yaml.get(item, 'name'));
      const value = yaml.written(yaml.get(item, 'value'));
      if (!key || !value) continue;
      const port = portOf(value.text);
      if (port !== undefined && portVariable(key)?.role === 'own') {
        yield {
          kind: 'internal',
          ...about,
          port,
          protocol: 'tcp',
          place: file.place(value.offset, value.text.length),
          variable: key,
        };
      }
      for (const address of addressesIn(value.text))
        if (!isAnyHost(address.host)) yield reference(file, value.offset, address, key, names, 'kubernetes');
    }
  }
}

function podOf(yaml: YamlTree, object: Node, kind: string): Node | null | undefined {
  if (kind === 'Pod') return yaml.get(object, 'spec');
  return yaml.get(object, 'spec', ...(kind === 'CronJob' ? ['jobTemplate', 'spec'] : []), 'template', 'spec');
}

const NAMING_LABELS = ['app.kubernetes.io/name', 'app'];

function workloadNames(yaml: YamlTree, object: Node, name: string): NameHint[] {
  const labels = NAMING_LABELS.flatMap((label) => yaml.text(yaml.get(object, 'metadata', 'labels', label)) ?? []);
  const called = labels.filter((label, index) => label !== name && labels.indexOf(label) === index);
  return [{ name, from: 'kubernetes' }, ...called.map((label) => ({ name: label, from: 'kubernetes' as const }))];
}

/** A Service is an address of what it selects. Where it takes several labels to tell that, none of them is its name. */
function serviceNames(yaml: YamlTree, object: Node, name: string): NameHint[] {
  const selector = yaml.entries(yaml.get(object, 'spec', 'selector'));
  const [only] = selector.length === 1 && NAMING_LABELS.includes(selector[0]!.key) ? selector : [];
  const selected = only && yaml.text(only.value);
  if (!selected || selected === name) return [{ name, from: 'kubernetes' }];
  return [
    { name: selected, from: 'kubernetes' },
    { name, from: 'address' },
  ];
}

/** The names that ports of web services have in Kubernetes say nothing of them. */
function labelOf(name: string | undefined): string | undefined {
  return name === undefined || /^(?:http|tcp|udp|http-tcp|web|main|port|server|app|default|[\d-]+)$/.test(name)
    ? undefined
    : name;
}

type About = { importer: string; names: NameHint[]; sure: 'certain' };

function* servicePort(file: SourceFile, yaml: YamlTree, item: Node, about: About): Generator<Fact> {
  const protocol = protocolOf(yaml.text(yaml.get(item, 'protocol')));
  const label = labelOf(yaml.text(yaml.get(item, 'name')));
  const inside = portOf(yaml.text(yaml.get(item, 'targetPort')) ?? '');
  for (const key of ['port', 'targetPort']) {
    const written = yaml.written(yaml.get(item, key));
    const port = portOf(written?.text ?? '');
    if (written && port !== undefined) {
      yield {
        kind: 'internal',
        ...about,
        port,
        protocol,
        place: file.place(written.offset, written.text.length),
        ...(label ? { label } : {}),
      };
    }
  }
  const node = yaml.written(yaml.get(item, 'nodePort'));
  const port = portOf(node?.text ?? '');
  if (node && port !== undefined) {
    yield {
      kind: 'binds',
      by: 'kubernetes',
      variant: 'kubernetes',
      ...about,
      port,
      protocol,
      place: file.place(node.offset, node.text.length),
      ...(label ? { label } : {}),
      ...(inside === undefined ? {} : { inside }),
    };
  }
}

function* containerPort(file: SourceFile, yaml: YamlTree, item: Node, about: About, onHost: boolean): Generator<Fact> {
  const protocol = protocolOf(yaml.text(yaml.get(item, 'protocol')));
  const label = labelOf(yaml.text(yaml.get(item, 'name')));
  const written = yaml.written(yaml.get(item, 'containerPort'));
  const inside = portOf(written?.text ?? '');
  const shared = { ...about, protocol, ...(label ? { label } : {}) };
  if (written && inside !== undefined) {
    const place = file.place(written.offset, written.text.length);
    if (onHost) yield { kind: 'binds', by: 'kubernetes', variant: 'kubernetes', ...shared, port: inside, place };
    else yield { kind: 'internal', ...shared, port: inside, place };
  }
  const host = yaml.written(yaml.get(item, 'hostPort'));
  const port = portOf(host?.text ?? '');
  if (host && port !== undefined && !onHost) {
    const place = file.place(host.offset, host.text.length);
    yield {
      kind: 'binds',
      by: 'kubernetes',
      variant: 'kubernetes',
      ...shared,
      port,
      place,
      ...(inside === undefined ? {} : { inside }),
    };
  }
}
