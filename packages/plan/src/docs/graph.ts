import type { Manifest } from '../manifest/schema.ts';

/** Who needs whom, as a Mermaid flowchart; `null` when nobody needs anybody. Services that take no part are left out. */
export function dependencyGraph({ services, project }: Manifest): string | null {
  const edges = Object.entries(services).flatMap(([service, { dependencies }]) =>
    dependencies.map((needed): [string, string] => [
      service,
      needed.startsWith(`${project}/`) ? needed.slice(project.length + 1) : needed,
    ]),
  );
  if (edges.length === 0) return null;
  const names = [...new Set(edges.flat())].sort();
  const idOf = new Map(names.map((name, index) => [name, `s${index}`]));
  const nodes = names.map((name) => {
    const ports = Object.values(services[name]?.endpoints ?? {}).flatMap(({ port }) =>
      typeof port === 'number' ? [port] : [],
    );
    const text = label(ports.length > 0 ? `${name} :${ports.join(', :')}` : name);
    // What is no service of this project has another shape.
    return name in services ? `  ${idOf.get(name)}["${text}"]` : `  ${idOf.get(name)}(["${text}"])`;
  });
  const arrows = edges.map(([from, to]) => `  ${idOf.get(from)} --> ${idOf.get(to)}`);
  return ['graph LR', ...nodes, ...new Set(arrows)].join('\n');
}

/** Mermaid takes characters by their numbers; so nothing in a name is taken for its syntax. */
function label(text: string): string {
  return text.replace(/[^\p{L}\p{N} .,:/_-]/gu, (character) => `#${character.codePointAt(0)};`);
}
