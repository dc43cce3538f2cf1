import { appSettings } from './app-settings.ts';
import { compose, isCompose } from './compose.ts';
import { dapr } from './dapr.ts';
import { devcontainer } from './devcontainer.ts';
import { dockerfile } from './dockerfile.ts';
import { dotenv } from './dotenv.ts';
import type { Importer } from './importer.ts';
import { kubernetes } from './kubernetes.ts';
import { launchSettings } from './launch-settings.ts';
import { markdown } from './markdown/document.ts';
import { nxProject } from './nx-project.ts';
import { packageScript } from './package-script.ts';
import { fly, supabase, wrangler } from './platform.ts';
import { pm2 } from './pm2.ts';
import { procfile } from './procfile.ts';
import { prometheus } from './prometheus.ts';
import { caddy, cloudflared, nginx } from './proxy.ts';
import { shellScript } from './shell-script.ts';
import { sourceDefault } from './source-default.ts';
import { spring } from './spring.ts';
import { unit } from './unit.ts';

/** All formats. The first that matches a path reads the file, so the particular stand before the general. */
export const importers: readonly Importer[] = [
  dotenv,
  compose,
  prometheus,
  dapr,
  cloudflared,
  spring,
  kubernetes,
  pm2,
  packageScript,
  launchSettings,
  appSettings,
  nxProject,
  devcontainer,
  supabase,
  wrangler,
  fly,
  procfile,
  dockerfile,
  caddy,
  nginx,
  unit,
  shellScript,
  markdown,
  sourceDefault,
];

export function importerOf(path: string): Importer | undefined {
  return importers.find((importer) => importer.matches(path));
}

/**
 * Who reads a file whose text is known: Kubernetes objects may stand in a file of any name (`prometheus-service.yaml`), and so
 * may the services of compose, when nothing else is meant by it (`integration-kafka.yml`).
 */
export function readerOf(importer: Importer, path: string, text: string): Importer {
  if (!kubernetes.matches(path)) return importer;
  if (kubernetes.worth?.(text)) return kubernetes;
  return importer === kubernetes && isCompose(path, text) ? compose : importer;
}
