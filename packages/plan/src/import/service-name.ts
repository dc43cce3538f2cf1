/**
 * One spelling for names that mean the same: `Mana_Sync`, `mana sync`, `@mana/sync`'s own part, `**mana-sync**`.
 * Empty when nothing is left.
 */
export function slugOf(name: string): string {
  // `ManaSync` is two words; `DevFlow Orchestrator` has its words told apart already.
  const spaced = /^\w+$/.test(name) ? name.replace(/([a-z0-9])([A-Z][a-z])/g, '$1-$2') : name;
  return spaced
    .replace(/^@[^/]+\//, '')
    .replace(/\((?:[^()]*)\)/g, ' ')
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
}

/** A slug without its hyphens: `mana-sync` and `manasync` are one name. */
export function compact(slug: string): string {
  return slug.replaceAll('-', '');
}

/** Names that so many services have that one of them, alone, does not tell which is meant. */
const GENERIC = new Set(
  (
    'api app apps application backend base bff client core cron daemon data database db default demo dev dist docker ' +
    'front frontend gateway http image job jobs local localhost main mailhog mariadb memcached minio mongo mongodb mysql nginx node ' +
    'postgres postgresql prod production proxy public redis root scheduler server service site src staging test ui ' +
    'web website worker workers www ' +
    'csharp dotnet go golang java javascript js kotlin php py python ruby rust ts typescript'
  ).split(' '),
);

export function isGeneric(slug: string): boolean {
  return GENERIC.has(slug) || /^v\d{1,2}$/.test(slug);
}

/** Folders that group services and say nothing of them. */
const GROUPS = new Set(
  'images compose apps app services service packages package libs lib modules projects servers src source cmd internal backend frontend docker deploy deployments infra infrastructure config configs k8s kubernetes charts tools'.split(
    ' ',
  ),
);

/**
 * The parts of a folder's path that tell services apart: `apps/chat/apps/web` → chat, web. Its last part is always one,
 * unless it only says that sources are in it.
 */
export function tellingParts(directory: string): string[] {
  const parts = directory.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length > 1 && /^(?:src|source)$/i.test(parts.at(-1)!)) parts.pop();
  return parts.filter((part, index) => index === parts.length - 1 || !GROUPS.has(part.toLowerCase()));
}

/** Folders that hold how something is started, and not the thing itself. */
const DEPLOYING = new Set(
  '.docker docker compose docker-compose deploy deployment deployments infra infrastructure ops devops'.split(' '),
);

/** What a folder is about: `docker` is about the folder that it lies in. */
export function siteOf(folder: string): string {
  const parts = folder.split('/');
  while (parts.length > 0 && DEPLOYING.has(parts.at(-1)!.toLowerCase())) parts.pop();
  return parts.join('/') || '.';
}
