import { posix } from 'node:path';
import type { Interval } from '@portolan/model';
import type { Node } from 'yaml';
import type { Binds, Fact, NameHint, Place } from '../fact.ts';
import { addressesIn, isAnyHost, isHealthPath } from './address-text.ts';
import { commandPorts, startFolder } from './command-line.ts';
import { ComposeVariables, type PortValue, partsOf } from './compose-value.ts';
import { reference, type Setting } from './dotenv.ts';
import { imageName } from './image.ts';
import { homeOfImage } from './image-home.ts';
import type { Importer, Note, Reading, Surroundings } from './importer.ts';
import { protocolOf } from './port-number.ts';
import { labelOfAddress, portVariable } from './port-variable.ts';
import { slugOf } from './service-name.ts';
import { SourceFile } from './source-file.ts';
import { variantOf } from './variant.ts';
import { type Written, YamlTree } from './yaml-tree.ts';

/** Compose files, in their short and long forms, whatever they are called beside `compose` or `stack`. */
export const compose: Importer = {
  name: 'compose',
  matches: (path) => /(?:^|\/)(?:[\w.-]*[._-])?(?:docker-)?(?:compose|stack)(?:[._-][\w.-]*)?\.ya?ml$/i.test(path),
  sizeMax: 1 << 20,
  read: (file, around) => new ComposeFile(file, around).read(),
};

/** Whether a YAML file of another name is one, by what is in it. What a hidden file or folder holds is a tool's, such as a CI's. */
export function isCompose(path: string, text: string): boolean {
  // A manifest has services, too.
  const hidden = /(?:^|\/)\.(?!devcontainer\/|docker\/)/.test(path) || /^project:/m.test(text);
  return (
    !hidden &&
    [/^services:[ \t]{0,8}$/m, /^[ \t]{1,8}(?:image|build):/m, /^[ \t]{1,8}ports:/m].every((each) => each.test(text))
  );
}

/** Ports of one published interval, at most: who publishes more of them has no plan of single ports. */
const SPAN_MAX = 1000;

class ComposeFile {
  readonly #file: SourceFile;
  readonly #around: Surroundings;
  readonly #yaml: YamlTree;
  readonly #variables: ComposeVariables;
  readonly #facts: Fact[] = [];
  readonly #notes: Note[];
  readonly #variant: string | undefined;

  constructor(file: SourceFile, around: Surroundings) {
    this.#file = file;
    this.#around = around;
    this.#yaml = new YamlTree(file);
    this.#notes = this.#yaml.notes;
    this.#variables = new ComposeVariables(file, around, this.#notes);
    this.#variant = variantOf(file.path);
  }

  read(): Reading {
    const services = this.#yaml.get(this.#yaml.documents[0], 'services');
    for (const { key, keyAt, value } of this.#yaml.entries(services)) this.#service(key, keyAt, value);
    return { facts: this.#facts, notes: this.#notes };
  }

  #service(key: string, keyAt: Written, service: Node | null): void {
    const yaml = this.#yaml;
    if (!yaml.isMap(service)) return;
    const names: NameHint[] = [{ name: key, from: 'compose' }];
    const container = yaml.text(yaml.get(service, 'container_name'));
    if (container && !container.includes('$')) names.push({ name: container, from: 'container' });
    const build = yaml.get(service, 'build');
    const context = this.#variables.filled(yaml.text(build) ?? yaml.text(yaml.get(build, 'context')));
    const written = yaml.text(yaml.get(service, 'image'));
    const directory =
      context !== undefined
        ? (this.#startedIn(service, context) ?? this.#inTree(this.#builtFrom(context, build)))
        : written && homeOfImage(written, key, this.#around);
    if (directory) names.push({ name: directory, from: 'directory' });
    const place = this.#file.place(keyAt.offset, keyAt.text.length);
    const about = { place, importer: 'compose', names, sure: 'certain' as const };

    const onHost = yaml.text(yaml.get(service, 'network_mode')) === 'host';
    const profiles = yaml.items(yaml.get(service, 'profiles')).flatMap((item) => yaml.text(item) ?? []);
    const extra = {
      ...(profiles.length > 0 ? { profiles } : {}),
      ...(this.#variant ? { variant: this.#variant } : {}),
    };
    const published = this.#ports(service, names, extra);
    for (const item of yaml.items(yaml.get(service, 'expose'))) this.#exposed(item, names);
    this.#environment(service, names, onHost, extra);
    this.#command(service, names, onHost, extra);

    const needs = this.#variant === 'devcontainer' ? null : yaml.get(service, 'depends_on');
    const needed = yaml.isMap(needs)
      ? yaml.entries(needs).map(({ keyAt: at }) => at)
      : yaml.items(needs).flatMap((item) => yaml.written(item) ?? []);
    for (const { text, offset } of needed) {
      this.#facts.push({
        kind: 'depends',
        ...about,
        place: this.#file.place(offset, text.length),
        on: [{ name: text, from: 'compose' }],
      });
    }
    const image = yaml.written(yaml.get(service, 'image'));
    if (image && !image.text.startsWith('$') && this.#variant !== 'devcontainer') {
      const at = this.#file.place(image.offset, image.text.length);
      this.#facts.push({ kind: 'describes', ...about, place: at, what: 'image', value: imageName(image.text) });
    }
    const replicas = yaml.written(yaml.get(service, 'deploy', 'replicas'));
    if (replicas && /^\d+$/.test(replicas.text)) {
      const at = this.#file.place(replicas.offset, replicas.text.length);
      this.#facts.push({ kind: 'describes', ...about, place: at, what: 'replicas', value: replicas.text });
    }
    for (const item of yaml.items(yaml.get(service, 'deploy', 'placement', 'constraints'))) {
      const written = yaml.written(item);
      const host = /^node\.hostname\s*==\s*(\S+)$/.exec(written?.text ?? '')?.[1];
      if (written && host) {
        this.#facts.push({
          kind: 'describes',
          ...about,
          place: this.#file.place(written.offset),
          what: 'host',
          value: host,
        });
      }
    }
    // What an editor starts around the sources, and what a file only adds to a service of another one, is named there.
    const whole = ['image', 'build', 'extends', 'ports'].some((each) => yaml.get(service, each) !== undefined);
    if (whole && this.#variant !== 'devcontainer') this.#facts.push({ kind: 'named', ...about });
    if (!published && !onHost && yaml.get(service, 'extends') !== undefined) this.#extended(service, names, extra);
  }

  /** @returns whether there was a list of ports */
  #ports(service: Node | null, names: NameHint[], extra: Partial<Binds>): boolean {
    const list = this.#yaml.get(service, 'ports');
    if (this.#yaml.tag(list) === '!reset') return true;
    const items = this.#yaml.items(list);
    for (const item of items) {
      if (this.#yaml.isMap(item)) this.#longForm(item, names, extra);
      else this.#shortForm(item, names, extra);
    }
    return items.length > 0;
  }

  /** `[address:]published[:target][/protocol]` */
  #shortForm(item: Node, names: NameHint[], extra: Partial<Binds>): void {
    const written = this.#yaml.written(item);
    if (!written) return;
    const parts = partsOf(written);
    const last = parts.pop();
    if (!last) return;
    const [, protocol] = /\/(tcp|udp)$/i.exec(last.text) ?? [];
    const target = protocol ? { ...last, text: last.text.slice(0, -protocol.length - 1) } : last;
    const published = parts.pop();
    const address = parts.length > 0 ? parts.map(({ text }) => text).join(':') : undefined;
    const inside = this.#variables.values(target);
    for (const each of inside) this.#internal(each, names, protocol);
    if (!published || published.text === '') return;
    const addressPlace = this.#file.place(written.offset, address?.length ?? 0);
    this.#published(this.#variables.values(published), inside, { names, protocol, address, addressPlace, extra });
  }

  #longForm(item: Node, names: NameHint[], extra: Partial<Binds>): void {
    const field = (key: string) => this.#yaml.written(this.#yaml.get(item, key));
    const target = field('target');
    const published = field('published');
    const protocol = field('protocol')?.text;
    const inside = target ? this.#variables.values(target) : [];
    for (const each of inside) this.#internal(each, names, protocol);
    if (!published) return;
    const address = field('host_ip');
    const addressPlace = address && this.#file.place(address.offset, address.text.length);
    const label = field('name')?.text;
    const options = { names, protocol, address: address?.text, addressPlace, label, extra };
    this.#published(this.#variables.values(published), inside, options);
  }

  #published(
    values: readonly PortValue[],
    inside: readonly PortValue[],
    options: {
      names: NameHint[];
      protocol: string | undefined;
      address: string | undefined;
      addressPlace: Place | undefined;
      label?: string | undefined;
      extra: Partial<Binds>;
    },
  ): void {
    for (const { from, to, place, end, variable, fallback, unclear } of values) {
      const whole: Interval = { from, to };
      if (to - from >= SPAN_MAX) {
        this.#notes.push({
          place,
          text: `publishes ${to - from + 1} ports at once (${from}-${to}): taken for no single service's plan`,
        });
        continue;
      }
      for (let port = from; port <= to; port++) {
        const target = inside[0];
        this.#facts.push({
          kind: 'binds',
          by: 'compose',
          importer: 'compose',
          port,
          protocol: protocolOf(options.protocol),
          names: options.names,
          place: port === from ? place : port === to && end ? end : { ...place, length: 0 },
          ...(target ? { inside: target.to > target.from ? target.from + port - from : target.from } : {}),
          ...(options.address ? { address: options.address } : {}),
          ...(options.addressPlace ? { addressPlace: options.addressPlace } : {}),
          ...(options.label ? { label: options.label } : {}),
          ...(variable ? { variable } : {}),
          ...(fallback ? { fallback } : {}),
          ...(to > from ? { ofRange: whole } : {}),
          ...options.extra,
          ...(unclear ? { sure: 'likely', why: unclear } : { sure: 'certain' }),
        });
      }
    }
  }

  #internal(
    { from, place, variable }: PortValue,
    names: NameHint[],
    protocol: string | undefined,
    label?: string,
  ): void {
    this.#facts.push({
      kind: 'internal',
      importer: 'compose',
      names,
      port: from,
      protocol: protocolOf(protocol),
      place,
      sure: 'certain',
      ...(variable ? { variable } : {}),
      ...(label ? { label } : {}),
    });
  }

  #exposed(item: Node, names: NameHint[]): void {
    const written = this.#yaml.written(item);
    if (!written) return;
    const [, protocol] = /\/(tcp|udp)$/i.exec(written.text) ?? [];
    const text = protocol ? written.text.slice(0, -protocol.length - 1) : written.text;
    for (const each of this.#variables.values({ ...written, text })) this.#internal(each, names, protocol);
  }

  #environment(service: Node | null, names: NameHint[], onHost: boolean, extra: Partial<Binds>): void {
    const yaml = this.#yaml;
    const environment = yaml.get(service, 'environment');
    const settings: Setting[] = yaml.isMap(environment)
      ? yaml.entries(environment).flatMap(({ key, value }) => {
          const written = yaml.written(value);
          return written ? [{ key, value: written.text, offset: written.offset }] : [];
        })
      : yaml.items(environment).flatMap((item) => {
          const written = yaml.written(item);
          const equals = written?.text.indexOf('=') ?? -1;
          if (!written || equals < 0) return [];
          const value = written.text.slice(equals + 1);
          return [{ key: written.text.slice(0, equals), value, offset: written.offset + equals + 1 }];
        });
    for (const { key, value, offset } of settings) {
      const variable = ownPort(key, names);
      if (variable) {
        for (const each of this.#variables.values({ text: value, offset })) {
          if (onHost) this.#inHostNetwork(each, names, variable.label, extra, key);
          else this.#internal({ ...each, variable: each.variable ?? key }, names, undefined, variable.label);
        }
      }
      for (const address of addressesIn(value)) {
        if (!isAnyHost(address.host)) {
          this.#facts.push(reference(this.#file, offset, address, key, names, 'compose'));
          continue;
        }
        const { port } = address;
        const own = { from: port, to: port, place: this.#file.place(offset + address.offset, address.length) };
        const label = labelOfAddress(key);
        if (onHost) this.#inHostNetwork(own, names, label, extra, key);
        else this.#internal({ ...own, variable: key }, names, undefined, label);
      }
    }
  }

  /** Flags of the command, and the address of the health check: inside the container, unless it has the host's network. */
  #command(service: Node | null, names: NameHint[], onHost: boolean, extra: Partial<Binds>): void {
    const yaml = this.#yaml;
    for (const key of ['command', 'entrypoint']) {
      for (const item of yaml.items(yaml.get(service, key))) {
        const written = yaml.written(item);
        if (!written) continue;
        for (const { port, offset, length } of commandPorts(written.text)) {
          const place = this.#file.place(written.offset + offset, length);
          const value: PortValue = { from: port, to: port, place };
          if (onHost) this.#inHostNetwork(value, names, undefined, extra);
          else this.#internal(value, names, undefined);
        }
      }
    }
    for (const item of yaml.items(yaml.get(service, 'healthcheck', 'test'))) {
      const written = yaml.written(item);
      for (const { port, offset, length, host, url, path } of written ? addressesIn(written.text) : []) {
        const place = this.#file.place(written!.offset + offset, length);
        const scope = onHost ? 'host' : 'network';
        this.#facts.push({
          kind: 'refers',
          importer: 'compose',
          place,
          names,
          by: names,
          host,
          scope,
          port,
          protocol: 'tcp',
          health: isHealthPath(path),
          ...(url ? { url } : {}),
          sure: 'certain',
        });
      }
    }
  }

  #inHostNetwork(
    { from, place }: PortValue,
    names: NameHint[],
    label: string | undefined,
    extra: Partial<Binds>,
    variable?: string,
  ) {
    this.#facts.push({
      kind: 'binds',
      by: 'compose',
      importer: 'compose',
      port: from,
      protocol: 'tcp',
      names,
      place,
      sure: 'certain',
      ...(label ? { label } : {}),
      ...(variable ? { variable } : {}),
      ...extra,
    });
  }

  /** A service that extends one of another file publishes that one's ports, and has its place there. */
  #extended(service: Node | null, names: NameHint[], extra: Partial<Binds>): void {
    const link = this.#yaml.get(service, 'extends');
    const base = this.#yaml.text(this.#yaml.get(link, 'service')) ?? this.#yaml.text(link);
    const written = this.#yaml.text(this.#yaml.get(link, 'file'));
    if (base === undefined) return;
    const path = written === undefined ? this.#file.path : this.#inTree(written);
    const text = path === undefined ? undefined : this.#around.text(path);
    if (path === undefined || text === undefined) return;
    const other = path === this.#file.path ? this : new ComposeFile(new SourceFile(path, text), this.#around);
    const from = other.#yaml.get(other.#yaml.documents[0], 'services', base);
    if (!from) return;
    const before = other.#facts.length;
    other.#ports(from, names, extra);
    if (other !== this) this.#facts.push(...other.#facts.slice(before));
  }

  #builtFrom(context: string, build: Node | null | undefined): string {
    const file = this.#variables.filled(this.#yaml.text(this.#yaml.get(build, 'dockerfile')));
    // With the whole repository as context, the Dockerfile's folder tells what is built.
    if (/^\.\.?(\/\.\.)*\/?$/.test(context) && file?.includes('/')) return posix.join(context, posix.dirname(file));
    return context;
  }

  /** The folder that the command of a container is started in, where a service of the context has it. */
  #startedIn(service: Node | null, context: string): string | undefined {
    const words = this.#yaml.items(this.#yaml.get(service, 'command')).flatMap((item) => this.#yaml.text(item) ?? []);
    const folder = startFolder(words.join(' '));
    const path = folder?.startsWith('/') === false ? this.#inTree(posix.join(context, folder)) : undefined;
    return path !== undefined && this.#around.home(path) === path ? path : undefined;
  }

  /** @returns a path of the tree, `undefined` for one outside of it */
  #inTree(path: string): string | undefined {
    if (/^(\/|~|[a-z]+:\/\/|git@)|\$/.test(path)) return undefined;
    const joined = posix.normalize(posix.join(this.#file.directory, path)).replace(/\/$/, '');
    return joined === '..' || joined.startsWith('../') ? undefined : joined;
  }
}

/** Whether a variable in the environment of a service is the port of that very one: `PORT`, or `FLOWER_PORT` of flower. */
function ownPort(key: string, names: readonly NameHint[]): { label?: string } | undefined {
  const variable = portVariable(key);
  if (!variable || variable.role === 'own') return variable;
  const word = slugOf(variable.name);
  const own = names.some(({ name, from }) => {
    const slug = slugOf(name);
    // Of several that are alike, each has the name of what it is in front: redis-node-1.
    return from !== 'directory' && (slug === word || (variable.role === 'other' && slug.startsWith(`${word}-`)));
  });
  return own ? {} : undefined;
}
